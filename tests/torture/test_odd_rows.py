"""Tests of odd rows: what they are, and that nothing of them is lost unnoticed."""

from collections import Counter
from contextlib import closing
import json
from pathlib import Path
from random import Random
import sqlite3
from typing import Any

import pytest

from tests.home.recorded import TABLES
from tests.home.recorder_database import make

from .kinds import Kind
from .ledger import Ledger
from .odd_rows import OddRow, OddRows, odd_rows
from .odd_values import ODD, Place, Text, Value
from .odd_verdict import judge_odd, without_odd
from .salvage import legible
from .verdict import Verdict

UP_TO = dict.fromkeys(TABLES, 1_000_000)
EVERY = [
    pytest.param(place, value, id=f"{place}-{number}")
    for places in ODD.values()
    for place, values in places.items()
    for number, value in enumerate(values)
]


@pytest.fixture(name="database", scope="module")
def database_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recorder."""
    database = tmp_path_factory.mktemp("recorder") / "home-assistant_v2.db"
    make(database, states=50, events=20, entities=5, days=0.1, statistics_days=0.1)
    return database


@pytest.fixture(name="odd", scope="module")
def odd_fixture(database: Path) -> OddRows:
    """Return what adds odd rows to the recorder."""
    return OddRows(database, Random(1))  # noqa: S311 - repeatable


@pytest.mark.parametrize(("place", "value"), EVERY)
def test_each_is_in_the_recorder_as_it_is(
    database: Path, odd: OddRows, place: Place, value: Value
) -> None:
    """SQLite has the value in that column of that row, and the row has its mark."""
    with closing(sqlite3.connect(database)) as recorder, recorder:
        number = odd.insert(recorder, place, value)
    (row,) = [row for row in odd_rows(database) if row.number == number]
    assert (row.place, row.exported) == (str(place), place.exported)
    own_id = "state_id" if row.table == "states" else "event_id"
    shared = {
        "states_meta": "metadata_id",
        "state_attributes": "attributes_id",
        "event_types": "event_type_id",
        "event_data": "data_id",
    }
    join = f" JOIN {place.table} USING ({shared[place.table]})" if place.table in shared else ""
    with closing(sqlite3.connect(database)) as recorder:
        recorder.text_factory = bytes
        sql = f"SELECT {place} FROM {row.table}{join} WHERE {own_id} = ?"  # noqa: S608
        ((found,),) = recorder.execute(sql, (row.id,))
    if isinstance(value, Text):
        value = bytes(value).replace(b"%d", b"%d" % number)
        with pytest.raises(UnicodeDecodeError):
            value.decode()
    assert found == (value.encode() if isinstance(value, str) else value)


def test_odd_rows_are_no_others(database: Path) -> None:
    """The ledgers know nothing of them, and read what is left."""
    ledger = Ledger()
    with legible(database) as plain:
        assert not odd_rows(plain)
        ledger.look_at(plain)
    assert ledger["sensor_data"].ever.total() == 50
    with legible(database, odd=True) as whole:
        assert odd_rows(whole) == odd_rows(database)


def verdict_of(
    rows: list[OddRow], odd: OddRows, folder: Path, found: list[dict[str, Any]], *rejected: int
) -> Verdict:
    """Judge rows by what BigQuery answers for states, and the ids of rejected states."""
    path = folder / "rejected.jsonl"
    lines = [json.dumps({"table": "sensor_data", "id": id_}) for id_ in rejected]
    path.write_text("\n".join(lines))

    def query(sql: str) -> list[dict[str, Any]]:
        return found if "sensor_data" in sql else []

    return judge_odd(rows, odd, query, "home", path, up_to=UP_TO)


def test_each_must_be_sent_once_or_rejected(tmp_path: Path) -> None:
    """One that is neither is lost; one that is there twice is so; others have its id, too."""
    database = tmp_path / "home-assistant_v2.db"
    make(database, states=50, events=20, entities=5, days=0.1, statistics_days=0.1)
    odd = OddRows(database, Random(1))  # noqa: S311 - repeatable
    with closing(sqlite3.connect(database)) as recorder, recorder:
        for place in (Place("states", "state"), Place("states", "last_updated_ts")):
            odd.insert(recorder, place, "")
    first, second = rows = odd_rows(database)
    by_entity = {"id": str(first.id), "text": f"sensor.odd_{first.number}_", "time": None}
    by_time = {"id": str(second.id), "text": "", "time": str(odd._times[second.number])}
    other = {"id": str(first.id), "text": "sensor.kitchen", "time": "1"}

    assert verdict_of(rows, odd, tmp_path, [by_entity, by_time]).ok
    assert verdict_of(rows, odd, tmp_path, [by_entity, other], second.id).ok
    lost = verdict_of(rows, odd, tmp_path, [by_time, other])
    assert list(lost.lost) == [("states with an odd states.state", first.id)]
    assert not lost.ok
    twice = verdict_of(rows, odd, tmp_path, [by_entity, by_entity], second.id)
    assert twice.duplicated.total() == 1
    late = judge_odd(
        rows, odd, lambda _: [], "home", tmp_path / "none", up_to=dict.fromkeys(TABLES, 50)
    )
    assert late.ok
    assert odd.is_odd("sensor_data", ("sensor.odd_1_", 5))
    assert odd.is_odd("events", ("logbook_entry", odd._times[second.number]))
    assert not odd.is_odd("sensor_data", ("sensor.kitchen", 5))
    assert not odd.is_odd("events", ("logbook_entry", 0))
    with closing(sqlite3.connect(database)) as recorder, recorder:
        odd.insert(recorder, Place("events", "time_fired_ts"), 0.0)
    assert odd.is_odd("events", ("logbook_entry", 0))


def test_what_is_not_chosen_need_not_be_sent(tmp_path: Path) -> None:
    """An event whose type is odd is of no type that is exported."""
    rows = [OddRow("events", 1, 1, "event_types.event_type", exported=False)]
    odd = OddRows(tmp_path / "none", Random(1))  # noqa: S311
    assert verdict_of(rows, odd, tmp_path, []).ok


def test_other_verdicts_say_nothing_of_them(tmp_path: Path) -> None:
    """They seem to be invented, as the copy without them has none; others are still told."""
    odd = OddRows(tmp_path / "none", Random(1))  # noqa: S311
    found = Counter({("sensor.odd_1_", 7): 1, ("sensor.kitchen", 7): 1})
    verdict = Verdict(rows=2, lost=found, duplicated=found, invented=found, different=[])
    plain = without_odd({"sensor_data": verdict}, odd)["sensor_data"]
    assert plain.invented == plain.duplicated == {("sensor.kitchen", 7): 1}
    assert plain.lost == found


def test_rows_of_each_kind_are_counted(database: Path, odd: OddRows) -> None:
    """And it is said what is odd about them."""
    before = odd.added[Kind.TEXT]
    said = odd.add(Kind.TEXT)
    assert said.count(".") == odd.added[Kind.TEXT] - before > 0
