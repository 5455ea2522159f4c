"""Questions about tasks: lists in some order, columns of a board, and sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import perdure as db0

from .model import Person, Project, Status, Task


@dataclass(frozen=True)
class Filter:
    """What tasks to show; a field that is None or empty asks for nothing."""

    project: Project | None = None
    owner: Person | None = None
    labels: tuple[str, ...] = ()
    words: str = ""
    unfinished: bool = False
    due_until: date | None = None

    def query(self) -> db0.QueryObject[Task]:
        """The tasks, in order of their due dates; those of one day by priority."""
        criteria: list[Any] = [Task, *self.labels]
        criteria += [db0.as_tag(one) for one in (self.project, self.owner) if one is not None]
        if self.unfinished:
            criteria.append(db0.no(Status.DONE))
        due = db0.index_of(Task, "due")
        if self.due_until is not None:
            criteria.append(due.select(date.min, self.due_until))
        found: db0.QueryObject[Task] = db0.find(*criteria)
        if self.words:
            found = db0.filter(self._has_words, found)
        return due.sort(db0.index_of(Task, "priority").sort(found))

    def _has_words(self, task: Task) -> bool:
        title = task.title.casefold()
        return all(word in title for word in self.words.casefold().split())


def overdue(today: date) -> db0.QueryObject[Task]:
    """What should have been done before `today`."""
    return Filter(unfinished=True, due_until=date.fromordinal(today.toordinal() - 1)).query()


def board(tasks: db0.QueryObject[Task]) -> dict[str, list[Task]]:
    """Tasks by status, each column in the order of the query."""
    columns: dict[str, list[Task]] = {str(status): [] for status in Status.values()}
    for task, status in db0.split_by(Status.values(), tasks):
        columns[str(status)].append(task)
    return columns


def counts(project: Project) -> dict[str, int]:
    """Status → number of tasks; counted on the tags, without looking at a task."""
    return db0.group_by(Status.values(), db0.find(Task, db0.as_tag(project)))


def workload() -> dict[str, tuple[int, int]]:
    """Name → number and hours of the unfinished tasks of each person. Later calls look at changed tasks only."""
    unfinished = db0.find(Task, db0.no(Status.DONE))
    found = db0.group_by(
        lambda task: task.owner.name if task.owner else "nobody",
        unfinished,
        (db0.count_op, db0.make_sum(lambda task: task.hours)),
    )
    return dict(sorted(found.items()))
