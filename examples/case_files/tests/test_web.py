"""What the service does for those who may."""

from __future__ import annotations

import perdure as db0
from case_files.access import acting
from case_files.model import Status
from case_files.tests.people import People


def titles(answer: object) -> list[str]:
    return [case["title"] for case in answer.json()["cases"]]  # type: ignore[attr-defined]


def test_everybody_sees_what_is_granted_to_them_or_their_team_and_denied_to_neither(people: People) -> None:
    seen = {
        "ada@birch": ["harbour birch", "fence birch", "secret birch"],
        "ben@birch": ["harbour birch"],
        "cleo@birch": ["harbour birch", "secret birch"],
        "dan@birch": ["secret birch"],
        "eve@birch": [],
        "ada@cedar": ["harbour cedar", "fence cedar", "secret cedar"],
    }
    for who, expected in seen.items():
        answer = people.client(who).get("/cases")
        assert titles(answer) == expected and answer.json()["total"] == len(expected)


def test_positions_read_what_is_theirs_and_null_for_the_rest(people: People) -> None:
    url = f"/cases/{people.cases['tax of birch']}"
    whole = people.client("ada@birch").get(url).json()
    assert whole == {
        "id": people.cases["tax of birch"], "title": "harbour birch", "client": "client of harbour birch",
        "status": "OPEN", "opened": "2030-01-02", "notes": "notes of harbour birch", "fee": 1000,
    }  # fmt: skip
    assert people.client("ben@birch").get(url).json() == {**whole, "fee": None}
    assert people.client("cleo@birch").get(url).json() == {**whole, "fee": None, "client": None, "notes": None}


def test_a_new_case_is_there_for_its_maker_and_their_teams(people: People) -> None:
    new = {"title": "new quay", "client": "us", "opened": "2030-03-01", "notes": "n", "fee": 70}
    made = people.client("ben@birch").post("/cases", json=new)
    assert made.status_code == 201 and made.json()["fee"] is None
    assert "new quay" in titles(people.client("cleo@birch").get("/cases"))
    assert "new quay" not in titles(people.client("ada@birch").get("/cases"))


def test_an_answer_is_sent_when_its_change_is_durable(people: People) -> None:
    url = f"/cases/{people.cases['tax of birch']}"
    assert people.client("cleo@birch").patch(url, json={"status": "WON"}).json()["status"] == "WON"
    with acting(people.register.firms["birch"].users["ada"]), db0.snapshot() as stored:
        assert stored.fetch(people.cases["tax of birch"]).status == Status.WON
    assert people.client("ada@birch").get("/statistics").json() == {"OPEN": 2, "WON": 1}


def test_words_and_orders_and_pages(people: People) -> None:
    ada = people.client("ada@birch")
    assert titles(ada.get("/cases", params={"words": "fence"})) == ["fence birch"]
    assert titles(ada.get("/cases", params={"sort": "fee", "descending": True}))[0] == "secret birch"
    page = ada.get("/cases", params={"sort": "opened", "offset": 1, "limit": 1})
    assert titles(page) == ["fence birch"] and page.json()["total"] == 3


def test_a_partner_shares_and_withdraws_and_deletes(people: People) -> None:
    ada, ben = people.client("ada@birch"), people.client("ben@birch")
    url = f"/cases/{people.cases['own of birch']}"
    assert ben.get(url).status_code == 404
    assert ada.put(f"{url}/grants", json={"to": "ben"}).status_code == 204
    assert ben.get(url).status_code == 200
    assert ada.put(f"{url}/grants", json={"to": "ben", "denied": True}).status_code == 204
    assert ben.get(url).status_code == 404
    assert ada.delete(url).status_code == 204
    assert ada.get(url).status_code == 404


def test_a_saved_search_finds_for_each_what_they_may_see(people: People) -> None:
    search = people.client("ada@birch").post("/searches", json={"status": "OPEN"}).json()["search"]
    assert len(titles(people.client("ada@birch").get("/cases", params={"search": search}))) == 3
    assert titles(people.client("dan@birch").get("/cases", params={"search": search})) == ["secret birch"]
    assert titles(people.client("ada@cedar").get("/cases", params={"search": search}))[0] == "harbour cedar"
