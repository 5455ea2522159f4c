"""Tasks with their tags and indexes, and the questions about them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import perdure as db0
from task_tracker.model import PREFIX, Priority, Project, Status, Task, Tracker
from task_tracker.reports import Filter, board, counts, overdue, workload

TODAY = date(2030, 1, 8)


def fill(tracker: Tracker) -> None:
    ann, bob = tracker.person("Ann"), tracker.person("Bob")
    house, garden = tracker.project("House"), tracker.project("Garden")
    for project, title, owner, due, priority, hours, labels in [
        (house, "mend roof", ann, date(2030, 1, 9), Priority.HIGH, 8, ["ladder", "dry"]),
        (house, "paint door", bob, date(2030, 1, 7), Priority.NORMAL, 3, ["dry"]),
        (house, "order coal", None, None, Priority.LOW, 1, []),
        (garden, "mend fence", ann, date(2030, 1, 9), Priority.LOW, 2, ["dry"]),
    ]:
        task = project.add_task(title, owner=owner, due=due, priority=priority, hours=hours)
        task.labels = labels
    db0.commit()


def titles(tasks: object) -> list[str]:
    return [task.title for task in tasks]  # type: ignore[attr-defined]


def test_lists_are_in_order_of_due_date_and_then_priority(tracker: Tracker) -> None:
    fill(tracker)
    assert titles(Filter().query()) == ["paint door", "mend roof", "mend fence", "order coal"]
    tracker.projects["Garden"].tasks[0].priority = Priority.HIGH
    tracker.projects["House"].tasks[0].priority = Priority.NORMAL
    tracker.projects["House"].tasks[2].due = date(2029, 12, 31)
    assert titles(Filter().query()) == ["order coal", "paint door", "mend fence", "mend roof"]


def test_each_field_of_a_filter_narrows_the_list(tracker: Tracker) -> None:
    fill(tracker)
    house, ann = tracker.projects["House"], tracker.people["Ann"]
    assert titles(Filter(project=house).query()) == ["paint door", "mend roof", "order coal"]
    assert titles(Filter(owner=ann).query()) == ["mend roof", "mend fence"]
    assert titles(Filter(labels=("dry",)).query()) == ["paint door", "mend roof", "mend fence"]
    assert titles(Filter(labels=("dry", "ladder")).query()) == ["mend roof"]
    assert titles(Filter(words="EN me").query()) == ["mend roof", "mend fence"]
    assert titles(Filter(project=house, owner=ann, labels=("dry",), words="roof").query()) == ["mend roof"]
    assert titles(Filter(labels=("unknown",)).query()) == []


def test_overdue_is_what_is_due_before_today_and_not_done(tracker: Tracker) -> None:
    fill(tracker)
    assert titles(overdue(TODAY)) == ["paint door"]
    assert titles(overdue(date(2030, 1, 7))) == []
    tracker.projects["House"].tasks[1].status = Status.DONE
    assert titles(overdue(TODAY)) == []


def test_a_board_has_a_column_for_each_status_in_the_order_of_the_list(tracker: Tracker) -> None:
    fill(tracker)
    for task in tracker.projects["House"].tasks:
        task.status = Status.DOING
    columns = board(Filter().query())
    assert {status: titles(tasks) for status, tasks in columns.items()} == {
        "OPEN": ["mend fence"],
        "DOING": ["paint door", "mend roof", "order coal"],
        "DONE": [],
    }


def test_counts_and_workload_follow_the_commits(tracker: Tracker) -> None:
    fill(tracker)
    house = tracker.projects["House"]
    assert counts(house) == {"OPEN": 3}
    assert workload() == {"Ann": (2, 10), "Bob": (1, 3), "nobody": (1, 1)}
    house.tasks[0].status = Status.DONE
    house.tasks[2].owner = tracker.people["Bob"]
    house.tasks[1].hours = 5
    db0.commit()
    assert counts(house) == {"OPEN": 2, "DONE": 1}
    assert workload() == {"Ann": (1, 2), "Bob": (2, 6)}
    tracker.people["Ann"].name = "Anna"
    db0.commit()
    assert workload() == {"Anna": (1, 2), "Bob": (2, 6)}


def test_labels_can_be_changed_and_do_not_keep_a_task(tracker: Tracker) -> None:
    fill(tracker)
    house = tracker.projects["House"]
    house.tasks[0].labels = ["dry", "slate"]
    assert house.tasks[0].labels == ["dry", "slate"]
    assert titles(Filter(labels=("ladder",)).query()) == []
    house.remove_task(house.tasks[0])
    db0.commit()
    assert titles(Filter(labels=("slate",)).query()) == []
    assert len(db0.find(Task)) == 3


def test_the_tasks_of_a_removed_project_go_with_it(tracker: Tracker) -> None:
    fill(tracker)
    tracker.remove_project(tracker.projects["House"])
    db0.commit()
    assert titles(db0.find(Task)) == ["mend fence"]
    assert len(db0.find(Project)) == 1


def test_projects_and_people_are_entered_once(tracker: Tracker) -> None:
    assert tracker.project(" House ") is tracker.project("House")
    assert tracker.person("Ann") is tracker.person("Ann ")
    for make in (tracker.project, tracker.person, tracker.project("House").add_task):
        with pytest.raises(ValueError, match="need"):
            make("  ")
    assert [*tracker.projects, *tracker.people] == ["House", "Ann"]


def test_everything_is_there_after_reopening(tracker: Tracker, tmp_path: Path) -> None:
    fill(tracker)
    db0.close()
    db0.init(tmp_path, prefix=PREFIX, autocommit=False)
    house = Tracker().projects["House"]
    assert house.tasks[0].project is house
    assert house.tasks[0].labels == ["dry", "ladder"]
    assert titles(Filter(labels=("dry",)).query()) == ["paint door", "mend roof", "mend fence"]
    assert workload() == {"Ann": (2, 10), "Bob": (1, 3), "nobody": (1, 1)}
