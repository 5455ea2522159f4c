"""Composite tags, passive tags and tags of whole queries, in each place where tags show: pasts, bytes, plans, lists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

KINDS = ["composite", "passive", "of a query", "composite, passive, of a query"]


@db0.memo
class Paper:
    def __init__(self, title: str) -> None:
        self.title = title


@pytest.fixture(autouse=True)
def papers(tmp_path: Path) -> Iterator[list[Any]]:
    """Three papers held by a tag; the first two get a tag of the kind in question, by `mark`."""
    db0.init(tmp_path / "data", prefix="papers", autocommit=False)
    made = [Paper(title) for title in ("one", "two", "three")]
    db0.tags(*made).add("paper")
    db0.tags(*made[:2]).add("early")
    db0.commit()
    yield made
    db0.close()


def mark(kind: str, papers: list[Any]) -> Any:
    """Give the first two papers a tag; what it is."""
    tag = db0.as_tag("GRANT", papers[2], "read") if "composite" in kind else "mark"
    targets = [db0.find("early")] if "query" in kind else papers[:2]
    db0.tags(*targets, passive="passive" in kind).add(tag)
    return tag


def titles(query: Any) -> list[str]:
    return [paper.title for paper in query]


@pytest.mark.parametrize("kind", KINDS)
def test_snapshots_have_the_tags_of_their_state(papers: list[Any], kind: str) -> None:
    with db0.snapshot() as before:
        tag = mark(kind, papers)
        assert not before.find(Paper, tag)
        db0.commit()
        with db0.snapshot() as between:
            db0.tags(db0.find(Paper, tag)).remove(tag)
            db0.commit()
            assert titles(between.find(Paper, tag)) == ["one", "two"]
            assert titles(between.find(Paper, db0.no(tag))) == ["three"]
            if "passive" in kind:
                with pytest.raises(RuntimeError, match="Passive tags"):
                    len(between.find(tag))
            assert tag in db0.tags_of(between.fetch(db0.uuid(papers[0])))
        assert not before.find(Paper, tag) and not db0.find(Paper, tag)


@pytest.mark.parametrize("kind", KINDS)
def test_serialized_queries_ask_the_same(papers: list[Any], kind: str) -> None:
    tag = mark(kind, papers)
    data = db0.serialize(db0.find(Paper, [tag, "none"], db0.no(db0.as_tag("GRANT", "other"))))
    alone = db0.serialize(db0.find(tag))
    assert titles(db0.deserialize(data)) == ["one", "two"]
    db0.tags(papers[1]).remove(tag)
    assert titles(db0.deserialize(data)) == ["one"]
    if "passive" in kind:
        with pytest.raises(RuntimeError, match="Passive tags"):
            len(db0.deserialize(alone))
    else:
        assert titles(db0.deserialize(alone)) == ["one"]


@pytest.mark.parametrize("kind", KINDS)
def test_explain_names_the_tag_and_counts_its_objects(papers: list[Any], kind: str) -> None:
    tag = mark(kind, papers)
    lines = str(db0.find("paper", tag).explain()).splitlines()
    assert f"the tag {tag!r}: 2" in [line.strip() for line in lines]
    if "composite" in kind:
        assert "that begin with 'GRANT': 2" in str(db0.find("paper", db0.tag_prefix("GRANT")).explain())


@pytest.mark.parametrize("kind", KINDS)
def test_tags_of_an_object_has_it_with_passive_ones_last(papers: list[Any], kind: str) -> None:
    tag = mark(kind, papers)
    db0.tags(papers[0]).add("late")
    expected = ["paper", "early", "late", tag] if "passive" in kind else ["paper", "early", tag, "late"]
    assert db0.tags_of(papers[0]) == expected
    assert db0.tags_of(papers[2]) == ["paper"]
    db0.tags(papers[0]).remove(tag)
    assert db0.tags_of(papers[0]) == ["paper", "early", "late"]
