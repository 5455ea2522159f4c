"""The web front: pages and forms over the model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from typing import ParamSpec, TypeVar

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

import perdure as db0

from .model import Person, Priority, Project, Status, Task, Tracker
from .reports import Filter, board, counts, overdue, workload

pages = Blueprint("pages", __name__)
_T = TypeVar("_T")
_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


def create_app() -> Flask:
    """The application; the workspace is initialized by who calls this."""
    app = Flask(__name__)
    app.register_blueprint(pages)
    app.add_template_global(db0.uuid, "uuid")
    app.add_template_global(Status.values(), "statuses")
    app.add_template_global(Priority.values(), "priorities")
    app.register_error_handler(ValueError, _refused)
    app.register_error_handler(db0.ReferenceError, _gone)
    return app


def _refused(error: ValueError) -> tuple[str, int]:
    return render_template("refused.html", reason=str(error)), 400


def _gone(error: Exception) -> tuple[str, int]:
    return render_template("refused.html", reason="Somebody has just removed it."), 404


def whole(view: Callable[_Arguments, _Answer]) -> Callable[_Arguments, _Answer]:
    """Make a request one block: all or nothing, with no change by other threads in between, and durable at its end."""

    @functools.wraps(view)
    def run(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Answer:
        with db0.atomic():
            answer = view(*args, **kwargs)
        db0.commit()
        return answer

    return run


def found(kind: type[_T], identifier: str) -> _T:
    """The object of a uuid in an address; a page "not found" when there is none."""
    if not db0.exists(identifier, kind):
        abort(404)
    return db0.fetch(identifier, kind)


def chosen(kind: type[_T], identifier: str) -> _T | None:
    """The object that was chosen in a form, None for none."""
    return found(kind, identifier) if identifier else None


@pages.get("/")
@whole
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
@whole
def add_project() -> Response:
    """A new project, or the one with that name."""
    project = Tracker().project(request.form["name"])
    return redirect(url_for(".show_project", identifier=db0.uuid(project)))


@pages.get("/projects/<identifier>")
@whole
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
@whole
def add_task(identifier: str) -> Response:
    """A new task of a project."""
    _take_form(found(Project, identifier).add_task(request.form["title"]))
    return redirect(url_for(".show_project", identifier=identifier))


@pages.post("/projects/<identifier>/delete")
@whole
def delete_project(identifier: str) -> Response:
    """Remove a project with its tasks."""
    Tracker().remove_project(found(Project, identifier))
    return redirect(url_for(".index"))


@pages.get("/tasks/<identifier>")
@whole
def show_task(identifier: str) -> str:
    """One task."""
    return render_template("task.html", task=found(Task, identifier), people=Tracker().people.values())


@pages.post("/tasks/<identifier>")
@whole
def edit_task(identifier: str) -> Response:
    """Change what the form has of a task."""
    task = found(Task, identifier)
    _take_form(task)
    return redirect(url_for(".show_project", identifier=db0.uuid(task.project)))


@pages.post("/tasks/<identifier>/delete")
@whole
def delete_task(identifier: str) -> Response:
    """Remove a task."""
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
