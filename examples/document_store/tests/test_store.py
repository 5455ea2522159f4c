"""Tenants, their documents, versions, words, labels and quotas."""

from __future__ import annotations

from pathlib import Path

import pytest

import perdure as db0
from document_store.store import Document, QuotaError, Tenant, Version, move, prefix_of


def names(found: db0.QueryObject[Document]) -> list[str]:
    return sorted(document.name for document in found)


def used(tenant: Tenant) -> int:
    return sum(document.size for document in tenant.documents.values())


def test_each_tenant_is_a_database_of_its_own(store: Path) -> None:
    acme, umbra = Tenant("acme"), Tenant("umbra")
    acme.put("a", "one")
    umbra.put("a", "two")
    db0.commit()
    assert sorted(found.name for found in db0.get_prefixes()) == ["tenants/acme", "tenants/umbra"]
    assert db0.get_prefix_of(acme.get("a").versions[0]).name == prefix_of("acme")
    assert (names(acme.search("one")), names(umbra.search("one"))) == (["a"], [])
    assert Tenant("acme") is acme


def test_all_versions_are_kept_and_the_newest_is_found(store: Path) -> None:
    acme = Tenant("acme")
    for text in ("The quick fox.", "The slow fox!", "A slow dog"):
        acme.put("a", text)
    assert [(one.number, one.text) for one in acme.get("a").versions][::2] == [(1, "The quick fox."), (3, "A slow dog")]
    assert names(acme.search("slow DOG")) == ["a"]
    assert names(acme.search("fox")) == []


def test_search_asks_for_all_words_and_labels(store: Path) -> None:
    acme = Tenant("acme")
    acme.put("a", "red green", "colors")
    acme.put("b", "green blue", "colors", "cold")
    acme.put("c", "colors")
    assert names(acme.search()) == ["a", "b", "c"]
    assert names(acme.search("green")) == ["a", "b"]
    assert names(acme.search("green", "cold")) == names(acme.search("", "cold", "colors")) == ["b"]
    assert names(acme.search("colors")) == ["c"]
    acme.get("b").unlabel("cold")
    assert acme.get("b").labels == ["colors"]
    assert names(acme.search("", "cold")) == []


def test_beyond_the_quota_nothing_changes(store: Path) -> None:
    acme = Tenant("acme", quota=20)
    acme.put("a", "0123456789", "kept")
    for name in ("a", "b"):
        with pytest.raises(QuotaError, match="acme would use 21 of 20 bytes"):
            acme.put(name, "x" * 11, "lost")
    assert (acme.used, [*acme.documents], len(acme.get("a").versions)) == (10, ["a"], 1)
    assert names(acme.search("", "lost")) == names(acme.search("x" * 11)) == []
    with pytest.raises(QuotaError):
        acme.set_quota(9)
    assert acme.quota == 20
    acme.put("b", "é" * 5)
    assert acme.used == used(acme) == 20


def test_trimmed_versions_and_removed_documents_are_gone(store: Path) -> None:
    acme = Tenant("acme")
    for number in range(5):
        acme.put("a", f"text {number}")
        acme.put("b", f"text {number}")
    acme.trim(2)
    acme.remove("b")
    db0.commit()
    assert [one.number for one in acme.get("a").versions] == [4, 5]
    assert acme.used == used(acme) == 12
    assert len(db0.find(Version, prefix=prefix_of("acme"))) == 2
    assert names(acme.search("text")) == ["a"]
    with pytest.raises(LookupError, match="acme has no document 'b'"):
        acme.remove("b")


def test_a_document_is_moved_as_a_whole_or_not_at_all(store: Path) -> None:
    acme, umbra = Tenant("acme"), Tenant("umbra", quota=15)
    acme.put("a", "text one", "x")
    acme.put("a", "text two", "y")
    with pytest.raises(QuotaError, match="umbra would use 16 of 15"):
        move("a", acme, umbra)
    assert (acme.used, umbra.used, [*umbra.documents]) == (16, 0, [])
    umbra.set_quota(16)
    moved = move("a", acme, umbra)
    assert ([one.text for one in moved.versions], moved.labels) == (["text one", "text two"], ["x", "y"])
    assert (acme.used, umbra.used, [*acme.documents], names(acme.search())) == (0, 16, [], [])
    acme.put("a", "another")
    with pytest.raises(ValueError, match="already"):
        move("a", acme, umbra)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b"])
def test_bad_names_of_tenants_are_refused(store: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a tenant"):
        Tenant(name)


def test_everything_is_there_after_reopening(store: Path) -> None:
    Tenant("acme", quota=100).put("a", "red green", "colors")
    Tenant("acme").put("a", "red blue")
    db0.close()
    db0.init(store, autocommit=False)
    db0.open(prefix_of("acme"), "r")
    acme = Tenant("acme")
    assert (acme.quota, acme.used, acme.get("a").labels) == (100, 17, ["colors"])
    assert (names(acme.search("blue")), names(acme.search("green"))) == (["a"], [])
    with pytest.raises(RuntimeError, match="read"):
        acme.put("b", "text")
