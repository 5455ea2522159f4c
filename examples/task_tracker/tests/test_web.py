"""The pages, through the application's test client."""

from __future__ import annotations

import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

import perdure as db0
from task_tracker.model import Status, Task, Tracker

pytest.importorskip("flask", reason="the web front needs Flask: pip install '.[examples]'")

from flask.testing import FlaskClient

from task_tracker.web import create_app


@pytest.fixture
def client(tracker: Tracker) -> FlaskClient:
    return create_app().test_client()


def test_an_empty_tracker_has_a_page(client: FlaskClient) -> None:
    assert "Add project" in client.get("/").text


def test_a_task_is_made_shown_changed_and_removed(client: FlaskClient, tracker: Tracker) -> None:
    page = client.post("/projects", data={"name": "House"}, follow_redirects=True)
    assert "<h1>House</h1>" in page.text
    address = page.request.path
    fields = {"title": "mend roof", "owner": "Ann", "due": "2030-01-09", "hours": "8", "labels": "dry"}
    assert "mend roof" in client.post(f"{address}/tasks", data=fields, follow_redirects=True).text
    (task,) = tracker.projects["House"].tasks
    assert (task.due, task.hours, task.labels) == (date(2030, 1, 9), 8, ["dry"])
    assert task.owner is tracker.people["Ann"]

    place = f"/tasks/{db0.uuid(task)}"
    assert 'value="2030-01-09"' in client.get(place).text
    client.post(place, data={"status": "DONE", "owner": "", "labels": "wet"})
    assert (task.status, task.labels, task.title) == (Status.DONE, ["wet"], "mend roof")
    assert not task.owner
    assert "mend roof" in client.get(f"{address}?labels=wet").text
    assert "mend roof" not in client.get(f"{address}?labels=dry").text
    client.post(f"{place}/delete")
    assert client.get(place).status_code == 404
    client.post(f"{address}/delete")
    assert client.get(address).status_code == 404


def test_texts_are_shown_as_texts(client: FlaskClient) -> None:
    page = client.post("/projects", data={"name": "<script>"}, follow_redirects=True)
    assert "<h1>&lt;script&gt;</h1>" in page.text


@pytest.mark.parametrize("fields", [{"title": " "}, {"title": "a", "due": "soon"}, {"title": "a", "priority": "none"}])
def test_a_refused_form_changes_nothing(client: FlaskClient, tracker: Tracker, fields: dict[str, str]) -> None:
    page = client.post("/projects", data={"name": "House"}, follow_redirects=True)
    db0.commit()  # showing the first page has made the indexes of tasks
    before = db0.get_state_num()
    assert client.post(f"{page.request.path}/tasks", data={"owner": "Ann", **fields}).status_code == 400
    assert (len(tracker.projects["House"].tasks), len(tracker.people)) == (0, 0)
    db0.commit()
    assert db0.get_state_num() == before


@pytest.mark.parametrize("address", ["/tasks/nothing", "/projects/nothing", "/projects/AAAA"])
def test_what_is_not_there_is_not_found(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


def test_a_project_is_no_task(client: FlaskClient, tracker: Tracker) -> None:
    house = tracker.project("House")
    assert client.get(f"/tasks/{db0.uuid(house)}").status_code == 404


def test_requests_of_several_threads_do_not_mix(tracker: Tracker) -> None:
    app = create_app()
    house = tracker.project("House")
    address = f"/projects/{db0.uuid(house)}"

    def work(number: int) -> list[int]:
        client = app.test_client()
        codes = []
        for turn in range(10):
            good = {"title": f"{number}.{turn}", "owner": f"worker {number}"}
            codes.append(client.post(f"{address}/tasks", data=good).status_code)
            codes.append(client.post(f"{address}/tasks", data={**good, "hours": "many"}).status_code)
            codes.append(client.get(address).status_code)
        return codes

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [[302, 400, 200] * 10] * 4
    made = [f"{number}.{turn}" for number in range(4) for turn in range(10)]
    assert sorted(task.title for task in house.tasks) == made


def test_pages_are_whole_while_other_threads_remove_what_they_show(tracker: Tracker) -> None:
    app = create_app()

    def work(number: int) -> set[int]:
        client, chance = app.test_client(), random.Random(number)
        codes = set()
        for _ in range(25):
            answers = [client.post("/projects", data={"name": f"project {chance.randrange(2)}"}, follow_redirects=True)]
            project = answers[0].request.path
            fields = {"title": "a task", "due": "2001-01-01", "labels": "some label"}
            answers.append(client.post(f"{project}/tasks", data=fields))
            answers += [client.get("/"), client.get(project)]
            for task in re.findall(r'href="(/tasks/\w+)"', answers[-1].text)[:2]:
                answers += [
                    client.get(task),
                    client.post(task, data={"labels": "other"}),
                    client.post(f"{task}/delete"),
                ]
            if chance.random() < 0.3:
                answers.append(client.post(f"{project}/delete"))
            codes |= {answer.status_code for answer in answers}
        return codes

    with ThreadPoolExecutor(4) as threads:
        assert set().union(*threads.map(work, range(4))) <= {200, 302, 404}
    tasks = [task for project in tracker.projects.values() for task in project.tasks]
    assert len(db0.find(Task)) == len(db0.index_of(Task, "due")) == len(tasks)
