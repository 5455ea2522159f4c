"""What is stored: people, projects and their tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import perdure as db0

PREFIX = "tracker"

Status = db0.enum("Status", ["OPEN", "DOING", "DONE"])
Priority = db0.enum("Priority", ["HIGH", "NORMAL", "LOW"])


@db0.memo
@dataclass(eq=False)
class Person:
    """Somebody who does tasks."""

    name: str


@db0.memo
@db0.tag_fields("status", "owner", "project")
@db0.indexed_fields("due", "priority")
@dataclass(eq=False)
class Task:
    """Something to do. Its tags and indexes follow its fields by themselves.

    A task lives as long as it is in the list of its project, so it refers to the project weakly, and its labels are
    passive tags, which find it and do not hold it.
    """

    title: str
    project: Project
    owner: Person | None = None
    due: date | None = None
    priority: db0.EnumValue = field(default_factory=lambda: Priority.NORMAL)
    status: db0.EnumValue = field(default_factory=lambda: Status.OPEN)
    hours: int = 1

    def __post_init__(self) -> None:
        self.project = db0.weak_proxy(self.project)

    @property
    def labels(self) -> list[str]:
        """The labels in alphabetical order."""
        return sorted(tag for tag in db0.tags_of(self) if isinstance(tag, str))

    @labels.setter
    def labels(self, wanted: list[str]) -> None:
        present = set(self.labels)
        db0.tags(self).remove(present - set(wanted))
        db0.tags(self, passive=True).add(set(wanted) - present)


@db0.memo
@dataclass(eq=False)
class Project:
    """A named list of tasks."""

    name: str
    tasks: list[Task] = field(default_factory=list)

    def add_task(self, title: str, **fields: object) -> Task:
        """A new task of this project."""
        if not title.strip():
            raise ValueError("a task needs a title")
        self.tasks.append(Task(title.strip(), self, **fields))  # type: ignore[arg-type]
        return self.tasks[-1]

    def remove_task(self, task: Task) -> None:
        """Remove a task for good. Without `delete` it would live as long as a variable has it."""
        self.tasks.remove(task)
        db0.delete(task)


@db0.memo(singleton=True)
class Tracker:
    """The root: everything that can be reached from here is kept."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}
        self.people: dict[str, Person] = {}

    def project(self, name: str) -> Project:
        """The project with that name, made when there is none."""
        return self.projects.setdefault(_checked(name), Project(name.strip()))

    def person(self, name: str) -> Person:
        """The person with that name, entered when there is none."""
        return self.people.setdefault(_checked(name), Person(name.strip()))

    def remove_project(self, project: Project) -> None:
        """Remove a project; its tasks go with it."""
        del self.projects[project.name]
        db0.delete(project)


def _checked(name: str) -> str:
    if not name.strip():
        raise ValueError("a name is needed")
    return name.strip()
