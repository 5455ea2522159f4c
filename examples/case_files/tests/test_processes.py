"""A server in a process of its own, asked over the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from serving import serving


def test_everybody_sees_their_own_and_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    tokens: dict[str, str] = {}

    def ask(address: str, who: str, method: str, path: str, **options: Any) -> Any:
        head = {"Authorization": f"Bearer {tokens.get(who, who)}"}
        answer = httpx.request(method, f"{address}{path}", headers=head, **options)
        return answer.json() if answer.content else answer.status_code

    def titles(address: str, who: str) -> list[str]:
        return [case["title"] for case in ask(address, who, "GET", "cases")["cases"]]

    with serving("case_files", tmp_path, "--example") as server:
        for line in server.lines:
            name, tokens[name] = line.split()
        assert len(tokens) == 8
        assert titles(server.address, "ada@Birch") == ["Harbour dues (Birch)", "A fence too high (Birch)"]
        assert titles(server.address, "ben@Cedar") == ["Harbour dues (Cedar)"]
        new = {"title": "new", "client": "c", "opened": "2030-05-01"}
        made = ask(server.address, "dan@Birch", "POST", "cases", json=new)
        identifier = made["id"]
    with serving("case_files", tmp_path) as server:
        assert titles(server.address, "dan@Birch") == ["A fence too high (Birch)", "new"]
        for who in ("ada@Birch", "dan@Cedar"):
            for guess in ("A" * 24, identifier):
                assert ask(server.address, who, "GET", f"cases/{guess}") == {"detail": "there is no such case"}
        assert ask(server.address, "nobody", "GET", "cases") == {"detail": "say who you are"}
