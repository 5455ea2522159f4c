"""LMDB alone: the very writes of perdure's commits, played back without perdure."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import lmdb

from benchmarks.measure import Bench, Figures, check, now
from benchmarks.subjects import DURABLE_COMMITS
from benchmarks.workloads import Workload, memo

Write = tuple[int, bytes, bytes | None]
"""Space, key, and value (None to delete)."""


def record(bench: Bench) -> None:
    """Fill a database, keep it so, then write down what commits of one changed object give the engine."""
    memo.build_objects(bench)
    before = bench.path / "before"
    shutil.copytree(bench.path, before)
    commits = _recorded(bench)
    check(len(commits) >= DURABLE_COMMITS, True)
    for entry in bench.path.iterdir():
        if entry != before and entry.is_file():
            entry.unlink()
    (bench.path / "commits.json").write_bytes(pickle.dumps(commits))


def _recorded(bench: Bench) -> list[list[Write]]:
    from perdure.engine.lmdb_transaction import LmdbTransaction

    commits: list[list[Write]] = []
    pending: list[Write] = []
    put, delete, commit = LmdbTransaction.put_many, LmdbTransaction.delete_many, LmdbTransaction.commit

    def put_many(self: Any, space: int, items: Any) -> None:
        pending.extend((int(space), bytes(key), bytes(value)) for key, value in items)
        put(self, space, items)

    def delete_many(self: Any, space: int, keys: Any) -> int:
        doomed = [bytes(key) for key in keys]
        pending.extend((int(space), key, None) for key in doomed)
        return delete(self, space, doomed)

    def finish(self: Any) -> None:
        commit(self)
        if pending:
            commits.append(list(pending))
            pending.clear()

    changed: Any = LmdbTransaction
    changed.put_many, changed.delete_many, changed.commit = put_many, delete_many, finish
    memo.durable_commits(bench)
    changed.put_many, changed.delete_many, changed.commit = put, delete, commit
    return commits


def durable_commits(bench: Bench) -> Figures:
    commits: list[list[Write]] = pickle.loads((bench.path / "commits.json").read_bytes())
    path = str(_data_file(bench.path / "before"))
    environment = lmdb.open(path, subdir=False, max_dbs=64, map_size=1 << 30)
    spaces = sorted({space for commit in commits for space, _, _ in commit})
    tables = {space: environment.open_db(b"%d" % space, create=False) for space in spaces}
    begin = now()
    for commit in commits:
        with environment.begin(write=True) as transaction:
            for space, key, value in commit:
                if value is None:
                    transaction.delete(key, db=tables[space])
                else:
                    transaction.put(key, value, db=tables[space])
    taken = now() - begin
    final = {(space, key): value for commit in commits for space, key, value in commit}
    with environment.begin() as transaction:
        check({(s, k): transaction.get(k, db=tables[s]) for s, k in final}, final)
    environment.close()
    written = sum(len(key) + len(value or b"") for commit in commits for _, key, value in commit)
    return {
        "durable_commit": taken / DURABLE_COMMITS,
        "commit_bytes": written / DURABLE_COMMITS,
        "commit_writes": sum(map(len, commits)) / DURABLE_COMMITS,
        "engine_commits": len(commits) / DURABLE_COMMITS,
    }


def _data_file(directory: Path) -> Path:
    files = [entry for entry in directory.rglob("*") if entry.is_file()]
    return max(files, key=lambda entry: entry.stat().st_size)


BUILDERS = {"commits": record}
WORKLOADS = {"durable_commits": Workload(durable_commits, "commits")}
