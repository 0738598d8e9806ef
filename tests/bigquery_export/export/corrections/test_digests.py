"""Digests of statistics, and the file that keeps them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
import subprocess
import sys
from typing import Any

from homeassistant.core import HomeAssistant
from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.export.corrections.digest_file import (
    DigestFile,
    Exported,
    Line,
)
from custom_components.bigquery_export.export.corrections.digests import (
    Digests,
    Periods,
    day,
    month,
)
from custom_components.bigquery_export.source.statistics import (
    Statistic,
)
from tests.bigquery_export.support.digests import DAY, METER, START, digests, piece, row


def like(one: Digests, other: Digests) -> bool:
    """Return whether digests are of the same rows."""
    return one.as_json() == other.as_json()


def test_stable() -> None:
    """A digest is the same in another process, and is the one that earlier versions have kept."""
    code = (
        "from tests.bigquery_export.support.digests import *;"
        "print(digests(piece(row(1, sum=0.1, created_ts=None), row(2))).as_json())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    expected = {"sensor.meter": {"24297": [2, 10394477004129272124, START + 3600, START + 7200]}}
    assert printed.strip() == str(expected)


def test_any_order() -> None:
    """The order of rows, their ids and the pieces do not matter."""
    rows = [row(number) for number in range(10)]
    moved = [(*(value + 90 if n == 0 else value for n, value in enumerate(r)),) for r in rows]  # type: ignore[operator]
    one = digests(piece(*rows))
    assert like(one, digests(piece(*moved[5:]), piece(*reversed(moved[:5]))))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["mean", "mean_weight", "min", "max", "last_reset_ts", "state", "sum", "created_ts"]
)
def test_each_value(name: str) -> None:
    """Any value that changes is noticed, the sign of a zero too."""
    values = [None, 0.0, -0.0, 1.5, 5e-324, float("nan"), float("inf")]
    found = [digests(piece(row(1, **{"state": 2.0, name: value}))) for value in values]
    assert len({str(one.as_json()) for one in found}) == len(values)


@pytest.mark.parametrize("name", Statistic._fields)
def test_each_fact(name: str) -> None:
    """A change of any metadata of the statistic is noticed."""
    other = METER._replace(**{name: "other"})  # type: ignore[arg-type]
    assert not like(digests(piece(row(1))), digests(piece(row(1), statistic=other)))


def test_swapped_values() -> None:
    """Rows that change their values among each other are noticed."""
    one = digests(piece(row(1, sum=1.0), row(2, sum=2.0)))
    assert not like(one, digests(piece(row(1, sum=2.0), row(2, sum=1.0))))


@pytest.mark.parametrize(("by", "last", "next_"), [(month, 27, 28), (day, 0, 1)])
def test_periods(by: Callable[[Any], int], last: int, next_: int) -> None:
    """A period is a calendar month or a day, in UTC."""
    end = START + (last + 1) * DAY - 1
    rows = [row(1), row(2, start_ts=end), row(3, start_ts=START + next_ * DAY)]
    periods = digests(piece(*rows), by=by).by_statistic["sensor.meter"]
    assert [digest.rows for digest in periods.values()] == [2, 1]
    numbers = [*periods]
    assert numbers[1] == numbers[0] + 1
    assert (periods[numbers[0]].first, periods[numbers[0]].last) == (START + 3600, end)


def test_what_nothing_can_be_made_of() -> None:
    """Rows without statistic or without a possible time are in no digest."""
    rows: list[Any] = [row(1), (2, None, START), (3, 7, START)]
    rows += [row(4, start_ts=time) for time in (None, 1e300, -1e13, float("nan"), float("inf"))]
    assert like(digests(piece(*rows)), digests(piece(row(1))))


def test_some_rows() -> None:
    """Some of the rows of a piece can be added alone."""
    found = Digests(Periods(month))
    found.add(piece(row(1), row(2), row(3)), {1, 3})
    assert like(found, digests(piece(row(1), row(3))))


@given(st.lists(st.lists(st.integers(0, 2_000), min_size=1), max_size=5))
def test_include(pieces: list[list[int]]) -> None:
    """Digests of parts, kept and read again, are together the digests of the whole."""
    whole = Digests(Periods(month))
    together = Digests(Periods(month))
    for ids in pieces:
        part = piece(*map(row, ids))
        whole.add(part)
        kept = digests(part).as_json()
        together.include(Digests.from_json(Periods(month), kept))
    assert like(whole, together)


@pytest.fixture
def file(hass: HomeAssistant) -> Iterator[DigestFile]:
    """Return a file that is not there yet."""
    file = DigestFile(hass, "entry", "statistics", Periods(month))
    yield file
    file.remove()
    assert not file.path.exists()


def line(*ids: int, before: tuple[int, ...], **values: Any) -> Line:
    """Return the line of a transaction."""
    return Line("database", digests(piece(*map(row, ids))).as_json(), before, **values)


def ids_in(file: DigestFile, *ids: int, database: str = "database") -> bool:
    """Return whether the file knows exactly of these rows."""
    wanted = digests(*(piece(row(id_)) for id_ in ids))
    return like(file.load(database).digests, wanted)


def test_lines(file: DigestFile) -> None:
    """The file knows of what was sent in all transactions, and only its owner can read it."""
    assert ids_in(file)
    file.append(line(1, 2, before=(0, 0, 0)))
    file.append(line(3, before=(2, 2, 0)))
    assert ids_in(file, 1, 2, 3)
    assert file.path.stat().st_mode & 0o777 == 0o600
    known = file.load("database")
    file.save(replace(known, checked=5.5))
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert len(file.path.read_bytes().splitlines()) == 1
    file.append(line(4, before=(3, 3, 0)))
    assert ids_in(file, 1, 2, 3, 4)
    assert file.load("database").checked == 5.5


def test_transaction_begun_again(file: DigestFile) -> None:
    """A transaction that is begun again from where it began was not committed before."""
    file.append(line(1, before=(0, 0, 0)))
    file.append(line(2, 3, before=(1, 1, 0)))
    file.append(line(2, 3, 4, before=(1, 1, 0)))
    assert ids_in(file, 1, 2, 3, 4)


@pytest.mark.parametrize("after", [(1, 3, 0), (1, 1, 2)])
def test_rows_committed_and_gone_back(file: DigestFile, after: tuple[int, ...]) -> None:
    """An export that has gone back after a commit has not taken back what it has sent."""
    file.append(line(2, 3, before=(1, 1, 0)))
    file.append(line(4, before=after))
    assert ids_in(file, 2, 3, 4)


def test_rows_in_doubt(file: DigestFile) -> None:
    """Rows that were left out were sent before, perhaps in a transaction that was not seen."""
    file.append(line(2, 3, before=(1, 1, 0)))
    file.append(replace(line(4, before=(1, 1, 0), in_doubt=True), left_out=2))
    assert ids_in(file, 2, 3, 4)


def test_rows_in_doubt_that_were_not_there(file: DigestFile) -> None:
    """Where no more rows were found than before, what was sent before was never committed."""
    file.append(line(2, 3, before=(1, 1, 0)))
    file.append(line(2, 3, before=(1, 1, 0), in_doubt=True))
    assert ids_in(file, 2, 3)
    file.append(replace(line(4, before=(2, 3, 0), in_doubt=True), left_out=2))
    file.append(replace(line(4, before=(2, 3, 0), in_doubt=True), left_out=2))
    assert ids_in(file, 2, 3, 4)


def test_what_the_file_has(file: DigestFile) -> None:
    """A file that is older than what was exported has nothing behind the position."""

    def has(position_key: str, cursor: int, database: str = "database") -> bool:
        return file.has(database, position_key, cursor)

    assert not has("", 0)
    file.append(line(2, before=(5, 1, 0)))
    assert [has("", cursor) for cursor in (4, 5, 6)] == [True, True, False]
    assert not has("", 4, database="another")
    assert not has("another", 4)
    file.append(replace(line(3, before=(6, 2, 0), in_doubt=True), found=True))
    assert not has("", 6)
    file.save(file.load("database"), 9)
    assert [has("", cursor) for cursor in (8, 9)] == [True, False]


def test_cut_off(file: DigestFile) -> None:
    """A line that a crash has cut off is of no transaction, and spoils no other."""
    file.append(line(1, before=(0, 0, 0)))
    file.append(line(2, before=(1, 1, 0)))
    file.path.write_bytes(file.path.read_bytes()[:-5])
    assert ids_in(file, 1)
    file.append(line(3, before=(1, 1, 0)))
    assert ids_in(file, 1, 3)


def test_another_database(file: DigestFile) -> None:
    """What was sent of another database says nothing of this one, but may be shown instead of it.

    So it makes the file forget what was sent before of the same statistic in the same month.
    """
    other_month = 1_000
    file.append(line(1, other_month, before=(0, 0, 0)))
    file.append(line(2, before=(1, 1, 0)))
    file.append(replace(line(3, before=(1, 1, 0)), database="another"))
    assert ids_in(file, other_month)
    assert ids_in(file, 3, database="another")
    file.append(line(4, before=(1, 1, 0)))
    assert ids_in(file, 4, other_month)
    assert ids_in(file, database="another")
    file.append(replace(line(5, before=(2, 2, 0)), database="another"))
    file.save(Exported("another", file.load("another").digests))
    assert ids_in(file)


@pytest.mark.parametrize("text", [b"\x00\xff\n", b"{}\n", b"[1]\n", b'{"before":3}\n'])
def test_unreadable(file: DigestFile, text: bytes) -> None:
    """What cannot be read is not known."""
    file.append(line(1, before=(0, 0, 0)))
    file.path.write_bytes(text + file.path.read_bytes())
    assert ids_in(file, 1)
