"""Compare statistics, and what the views show of them, after everything that has happened."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.home.comparison import Difference, Key, Query, Values, reading, rows_by_id
from tests.home.home_assistant import PLACE
from tests.home.recorded import Kind, RecordedTable, parsed

from .corrected_ledger import CORRECTED, CorrectedLedger
from .ledger import Ledger
from .verdict import Verdict, Verdicts, count, judge_comparisons

type Version = tuple[object, ...]
"""A row's values in the order of the columns of the view."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A row of the table under a view."""

    key: Key
    id: int
    """The id that the recorder gave it."""
    version: Version
    export_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """What BigQuery has of the statistics of one length."""

    rows: int
    """All rows of the table."""
    shown: list[tuple[Key, Version]]
    """The rows of the view."""
    sent: list[Sent]
    """The rows of the table, less those that delete others."""
    runs: set[str]
    """The ids of those exports that looked for no corrections, as the export log says."""


@dataclass(frozen=True, slots=True)
class Current:
    """A row that the recorder has now."""

    version: Version
    exported: bool
    """Whether it was there before the last export."""


def judge(
    database: Path, query: Query, dataset: str, ledger: Ledger, *, up_to: Mapping[str, int]
) -> Verdicts:
    """Compare a recorder that rests, and what the ledger remembers, with BigQuery.

    Of each table the rows up to the id in `up_to` must be there.
    """
    ledger.look_at(database)
    verdicts = {**judge_comparisons(database, query, dataset, ledger, up_to=up_to)}
    for name, table in CORRECTED.items():
        current = recorded(database, table, up_to[name])
        found = _found(query, dataset, table)
        verdicts[name] = judge_corrected(table, current, found, ledger.corrected[name])
    return verdicts


def recorded(database: Path, table: RecordedTable, up_to: int) -> dict[Key, Current]:
    """Return the rows that the recorder has now."""
    with reading(database) as recorder:
        return {
            table.key(values): Current(table.tuple(values), values[table.id] <= up_to)
            for values in table.rows(recorder, PLACE)
        }


def judge_corrected(
    table: RecordedTable, current: Mapping[Key, Current], found: Found, ledger: CorrectedLedger
) -> Verdict:
    """Judge what a view shows by what the recorder has, and what is under it by what it had.

    The view must show each row of the recorder as it is, and no other. Under it there may be any
    version that the recorder had once. `CorrectedLedger` says what else may be. A row that is
    uncertain need not be shown, but must be under the view.
    """
    there = {sent.key for sent in found.sent}
    shown = Counter(key for key, _ in found.shown)
    must = {key for key, row in current.items() if row.exported} | ledger.kept
    outlived: Counter[Key] = Counter()
    invented = Counter(sent.key for sent in found.sent if sent.key not in ledger.ever)
    different = [
        f"{sent.key}, as {sent.export_id} sent it, was never like that"
        for sent in found.sent
        if sent.key in ledger.ever and sent.version not in ledger.versions[sent.key]
    ]
    for key, version in found.shown:
        was_once = version in ledger.versions.get(key, ())
        if key not in ledger.ever:
            invented[key] += 1
        elif (row := current.get(key)) is None:
            if not (was_once and ledger.may_be_shown(key)):
                outlived[key] += 1
        elif row.version != version:
            # It may not have been exported yet, or the ledger says why it may be an older one.
            if was_once and (not row.exported or ledger.may_be_older(key)):
                continue
            different += _differences(table, key, row.version, version)
    return Verdict(
        rows=found.rows,
        lost=Counter(must - shown.keys() - (ledger.uncertain & there))
        + Counter(ledger.owed.keys() - current.keys() - there),
        duplicated=(shown - Counter(shown.keys())) + _repeated(found, ledger),
        invented=invented,
        different=different,
        outlived=outlived,
    )


def _repeated(found: Found, ledger: CorrectedLedger) -> Counter[Key]:
    """Return what was sent too often.

    A check for corrections sends rows again that are as they were, beside those that are not, but
    each once. All other exports together send a row once, and what else the recorder had of the
    same statistic and time as often as it gave it another id. An export that the log does not know
    of, because the checkpoint was lost before the log had its row, may be either.
    """
    too_often: Counter[Key] = Counter()
    of_an_export = Counter((sent.export_id, sent.key) for sent in found.sent)
    for (_, key), n in of_an_export.items():
        too_often[key] += n - 1
    of_runs = [sent for sent in found.sent if sent.export_id in found.runs]
    ids: defaultdict[Key, set[int]] = defaultdict(set)
    for sent in of_runs:
        ids[sent.key].add(sent.id)
    for key, n in Counter(sent.key for sent in of_runs).items():
        too_often[key] += max(0, n - len(ids[key]))
    return +too_often


def _differences(table: RecordedTable, key: Key, right: Version, shown: Version) -> Iterator[str]:
    for name, recorder, bigquery in zip(table.columns, right, shown, strict=True):
        if recorder != bigquery:
            yield str(Difference(key, name, recorder, bigquery))


def _found(query: Query, dataset: str, table: RecordedTable) -> Found:
    log = query(f"SELECT DISTINCT export_id, `trigger` FROM `{dataset}.export_log`")  # noqa: S608
    view = f"{dataset}.{table.name}_latest"
    full_name = f"{dataset}.{table.name}"
    shown = (parsed(table, row) for row in _rows(query, view, table))
    return Found(
        rows=count(query, full_name),
        shown=[(table.key(values), table.tuple(values)) for values in shown],
        sent=list(_sent(table, _rows(query, full_name, table, "export_id"))),
        runs={row["export_id"] for row in log if row["trigger"] != "correction"},
    )


def _sent(table: RecordedTable, rows: Iterable[Values]) -> Iterator[Sent]:
    for row in rows:
        values = parsed(table, row)
        yield Sent(table.key(values), values[table.id], table.tuple(values), row["export_id"])


def _rows(query: Query, name: str, table: RecordedTable, *others: str) -> Iterator[dict[str, Any]]:
    columns = [
        f"UNIX_MICROS(`{column}`) AS `{column}`" if kind is Kind.TIME else f"`{column}`"
        for column, kind in table.columns.items()
    ]
    for rows in rows_by_id(query, name, table.id, ", ".join([*columns, *others])):
        yield from rows
