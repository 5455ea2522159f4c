"""The web front: pages and forms over the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TypeVar

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

import perdure as db0

from .model import Person, Priority, Project, Status, Task, Tracker
from .reports import Filter, board, counts, overdue, workload

pages = Blueprint("pages", __name__)
_T = TypeVar("_T")


def create_app() -> Flask:
    """The application; the workspace is initialized by who calls this."""
    app = Flask(__name__)
    app.register_blueprint(pages)
    app.add_template_global(db0.uuid, "uuid")
    app.add_template_global(Status.values(), "statuses")
    app.add_template_global(Priority.values(), "priorities")
    app.register_error_handler(ValueError, _refused)
    return app


def _refused(error: ValueError) -> tuple[str, int]:
    return render_template("refused.html", reason=str(error)), 400


@contextmanager
def change() -> Iterator[Tracker]:
    """The changes of one request: all or nothing, apart from those of other threads, and durable at the end."""
    with db0.atomic():
        yield Tracker()
    db0.commit()


def found(kind: type[_T], identifier: str) -> _T:
    """The object of a uuid in an address; a page "not found" when there is none."""
    if not db0.exists(identifier, kind):
        abort(404)
    return db0.fetch(identifier, kind)


def chosen(kind: type[_T], identifier: str) -> _T | None:
    """The object that was chosen in a form, None for none."""
    return found(kind, identifier) if identifier else None


@pages.get("/")
def index() -> str:
    """All projects, who has how much to do, and what is overdue."""
    tracker = Tracker()
    return render_template(
        "index.html",
        projects=[(project, counts(project)) for project in tracker.projects.values()],
        workload=workload(),
        overdue=overdue(date.today()),
    )


@pages.post("/projects")
def add_project() -> Response:
    """A new project, or the one with that name."""
    with change() as tracker:
        project = tracker.project(request.form["name"])
    return redirect(url_for(".show_project", identifier=db0.uuid(project)))


@pages.get("/projects/<identifier>")
def show_project(identifier: str) -> str:
    """The board of a project, narrowed by what the form above it asks for."""
    project = found(Project, identifier)
    asked = Filter(
        project,
        chosen(Person, request.args.get("owner", "")),
        tuple(request.args.get("labels", "").split()),
        request.args.get("words", ""),
    )
    people = Tracker().people.values()
    return render_template("project.html", project=project, columns=board(asked.query()), asked=asked, people=people)


@pages.post("/projects/<identifier>/tasks")
def add_task(identifier: str) -> Response:
    """A new task of a project."""
    with change():
        task = found(Project, identifier).add_task(request.form["title"])
        _take_form(task)
    return redirect(url_for(".show_project", identifier=identifier))


@pages.post("/projects/<identifier>/delete")
def delete_project(identifier: str) -> Response:
    """Remove a project with its tasks."""
    with change() as tracker:
        tracker.remove_project(found(Project, identifier))
    return redirect(url_for(".index"))


@pages.get("/tasks/<identifier>")
def show_task(identifier: str) -> str:
    """One task."""
    return render_template("task.html", task=found(Task, identifier), people=Tracker().people.values())


@pages.post("/tasks/<identifier>")
def edit_task(identifier: str) -> Response:
    """Change what the form has of a task."""
    with change():
        task = found(Task, identifier)
        _take_form(task)
    return redirect(url_for(".show_project", identifier=db0.uuid(task.project)))


@pages.post("/tasks/<identifier>/delete")
def delete_task(identifier: str) -> Response:
    """Remove a task."""
    with change():
        task = found(Task, identifier)
        project = task.project
        project.remove_task(task)
    return redirect(url_for(".show_project", identifier=db0.uuid(project)))


def _take_form(task: Task) -> None:
    """Assign what the form has to the fields of a task; tags and indexes follow."""
    form = request.form
    if "title" in form:
        task.title = form["title"].strip() or task.title
    if "owner" in form:
        task.owner = Tracker().person(form["owner"]) if form["owner"].strip() else None
    if "due" in form:
        task.due = date.fromisoformat(form["due"]) if form["due"] else None
    if "hours" in form:
        task.hours = int(form["hours"])
    if "priority" in form:
        task.priority = _value(Priority, form["priority"])
    if "status" in form:
        task.status = _value(Status, form["status"])
    if "labels" in form:
        task.labels = form["labels"].split()


def _value(enum: db0.EnumType, name: str) -> db0.EnumValue:
    try:
        return enum[name]
    except KeyError:
        raise ValueError(f"{name!r} is none of {', '.join(map(str, enum.values()))}") from None
