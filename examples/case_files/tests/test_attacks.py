"""What the service does for those who may not: nothing that would tell them anything."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import quote

import pytest

import perdure as db0
from case_files.access import VISIBLE, acting
from case_files.model import Case
from case_files.tests.people import People, make_case

MISSING = "A" * 24
OTHERS = ("tax of cedar", "own of birch", "walled of birch")
"""Cases that `ben@birch` may not see: of another firm, of another person, and one that he is denied."""
REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"title": "mine"}),
    ("PATCH", "", {"fee": 1}),
    ("PATCH", "", {}),
    ("DELETE", "", None),
    ("PUT", "/grants", {"to": "ben"}),
    ("PUT", "/grants", {"to": "nobody"}),
]


def looks(people: People, who: str) -> Any:
    """All that somebody sees, whichever way they ask."""
    client = people.client(who)
    asked = [
        {}, {"words": "harbour"}, {"words": "fence"}, {"words": "secret"}, {"words": "cedar"}, {"status": "OPEN"},
        {"sort": "opened"}, {"sort": "opened", "descending": True}, {"sort": "fee"}, {"offset": 1}, {"limit": 1},
    ]  # fmt: skip
    answers = [client.get("/cases", params=params) for params in asked]
    return [(one.status_code, one.json()) for one in answers], client.get("/statistics").json()


@pytest.mark.parametrize("method, path, body", REQUESTS)
@pytest.mark.parametrize("name", OTHERS)
def test_a_denied_case_answers_as_a_missing_one(people: People, name: str, method: str, path: str, body: Any) -> None:
    urls = [f"/cases/{uuid}{path}" for uuid in (people.cases[name], MISSING)]
    asked = [people.run(people.ask("ben@birch", method, url, json=body)) for url in urls]
    assert {one.status_code for one in asked} == {404}
    assert asked[0].content == asked[1].content
    assert asked[0].headers.raw == asked[1].headers.raw


def test_what_is_no_id_at_all_is_missing_too(people: People) -> None:
    for identifier in ("x", "0" * 24, "A" * 23, "\0", "A" * 4000, db0.uuid(people.register), "../../cases", "\xe9"):
        answer = people.client("ben@birch").get(f"/cases/{quote(identifier, safe='')}")
        assert answer.status_code == 404


def test_no_list_count_order_or_search_changes_when_others_have_more(people: People) -> None:
    before = looks(people, "ben@birch")
    firm = people.register.firms["cedar"]
    with acting(firm.users["ada"]):
        for number in range(5):
            make_case(f"harbour fence secret {number}", 500 * number, firm.users["ada"], firm.teams["tax"])
    own = people.register.firms["birch"].users["dan"]
    with acting(own):
        make_case("harbour of dan", 1, own)
    assert looks(people, "ben@birch") == before
    assert looks(people, "ada@cedar")[1] == {"OPEN": 8}


def test_nothing_of_another_firm_is_in_any_answer(people: People) -> None:
    for who in ("ada", "ben", "cleo", "dan", "eve"):
        assert "birch" not in str(looks(people, f"{who}@cedar"))


def test_who_is_nobody_gets_nothing(people: People) -> None:
    for who in ("", "nobody", "Bearer", people.tokens["ada@birch"][:-1], "\xe9"):
        answer = people.run(people.ask(who, "GET", "/cases"))
        assert answer.status_code == 401 and answer.json() == {"detail": "say who you are"}
    assert people.run(people._web.get("/cases")).status_code == 401
    assert people.run(people._web.get("/openapi.json")).status_code == 401


def test_an_order_by_what_may_not_be_read_is_refused(people: People) -> None:
    for who in ("ben@birch", "cleo@birch"):
        assert people.client(who).get("/cases", params={"sort": "fee"}).status_code == 403
    assert people.client("ada@birch").get("/cases", params={"sort": "fee"}).status_code == 200


def test_the_database_refuses_that_order_too(people: People) -> None:
    with acting(people.register.firms["birch"].users["ben"]), pytest.raises(PermissionError):
        list(db0.index_of(Case, "fee").sort(db0.find(Case)))


FORGED: list[dict[str, Any]] = [
    {"fee": 1}, {"title": "mine", "fee": 1}, {"fee": None}, {"position": 1}, {"id": MISSING}, {"__class__": "Case"},
    {"_perdure_factory_": 1}, {"status": "STOLEN"}, {"opened": "2030-01-01"}, {"notes": {"a": 1}}, {"fee": 2**70},
]  # fmt: skip


@pytest.mark.parametrize("body", FORGED, ids=str)
def test_forged_fields_change_nothing(people: People, body: dict[str, Any]) -> None:
    url = f"/cases/{people.cases['tax of birch']}"
    before = people.client("ada@birch").get(url).json()
    assert people.client("ben@birch").patch(url, json=body).status_code in (403, 422)
    assert people.client("ada@birch").get(url).json() == before


def test_a_clerk_may_change_the_status_and_nothing_else(people: People) -> None:
    url, cleo = f"/cases/{people.cases['tax of birch']}", people.client("cleo@birch")
    assert cleo.patch(url, json={"status": "WON"}).status_code == 200
    for body in ({"title": "mine"}, {"notes": ""}, {"client": None}, {"status": "LOST", "notes": "x"}):
        assert cleo.patch(url, json=body).status_code == 403
    assert cleo.post("/cases", json={"title": "t", "client": "c", "opened": "2030-01-01"}).status_code == 403
    whole = people.client("ada@birch").get(url).json()
    assert (whole["status"], whole["notes"]) == ("WON", "notes of harbour birch")
    assert people.client("ada@birch").get("/statistics").json() == {"OPEN": 2, "WON": 1}


def test_only_partners_grant_and_delete_and_only_in_their_firm(people: People) -> None:
    url = f"/cases/{people.cases['tax of birch']}"
    for who in ("ben@birch", "cleo@birch"):
        assert people.client(who).put(f"{url}/grants", json={"to": "eve"}).status_code == 403
        assert people.client(who).delete(url).status_code == 403
    assert people.client("ada@birch").put(f"{url}/grants", json={"to": "nobody"}).status_code == 404
    assert people.client("ada@cedar").put(f"{url}/grants", json={"to": "ada"}).status_code == 404
    assert people.client("eve@birch").get(url).status_code == 404


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 40, db0.serialize(db0.enum("Mood", ["GOOD"]).GOOD)])
def test_forged_searches_are_refused(people: People, data: bytes) -> None:
    answer = people.client("ben@birch").get("/cases", params={"search": base64.urlsafe_b64encode(data).decode() or "!"})
    assert answer.status_code == 400 and answer.json() == {"detail": "that is no saved search"}


def test_a_search_saved_by_one_who_sees_all_shows_no_more_to_another(people: People) -> None:
    with acting(people.register.firms["birch"].users["ada"]):
        stolen = [
            db0.find(Case), db0.find(db0.as_tag("GRANT", people.register.firms["cedar"].teams["tax"])),
            db0.find(Case, VISIBLE.get()), VISIBLE.get(),
        ]  # fmt: skip
        searches = [base64.urlsafe_b64encode(db0.serialize(one)).decode() for one in stolen]
    for search in searches:
        answer = people.client("dan@birch").get("/cases", params={"search": search}).json()
        assert {case["title"] for case in answer["cases"]} <= {"secret birch"} and answer["total"] <= 1


def test_people_who_ask_at_once_are_not_mixed_up(people: People) -> None:
    seen = {who: people.client(who).get("/cases").json() for who in people.tokens}

    async def ask(who: str, number: int) -> None:
        if number % 5 == 4:
            url = f"/cases/{people.cases['tax of ' + who.partition('@')[2]]}"
            answer = await people.ask(who, "PATCH", url, json={"status": "OPEN"})
            expected = 404 if who.startswith(("dan", "eve")) else 200
            assert answer.status_code == expected
        else:
            assert (await people.ask(who, "GET", "/cases")).json() == seen[who]

    async def all_at_once() -> None:
        await asyncio.gather(*(ask(who, number) for number in range(10) for who in people.tokens))

    people.run(all_at_once())


def test_a_get_changes_nothing_whatever_its_handler_does(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    from case_files import web

    case = people.cases["own of birch"]

    async def grab(identifier: str) -> None:
        web.found(identifier).title = "grabbed"

    app: Any = people._web._transport
    app.app.get("/grab/{identifier}")(grab)
    with pytest.raises(RuntimeError, match="read_only"):
        people.client("ada@birch").get(f"/grab/{case}")
    assert people.client("ada@birch").get(f"/cases/{case}").json()["title"] == "fence birch"
