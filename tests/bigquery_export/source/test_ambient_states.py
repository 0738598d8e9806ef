"""Reading the states of context entities: right at any moment, by an index, in small pieces."""

from collections.abc import Iterable, Sequence
from functools import partial
import re

from homeassistant.components.recorder.db_schema import States, StatesMeta
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import Connection, delete, text, update

from custom_components.bigquery_export.source import ambient_states as ambient_states_module
from custom_components.bigquery_export.source.ambient_states import AmbientStates
from custom_components.bigquery_export.source.state_columns import StateColumns
from custom_components.bigquery_export.source.states import StatesPiece
from custom_components.bigquery_export.source.states_reader import StatesReader
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.query_plans import ANALYZE, is_slow, plan, statements
from tests.bigquery_export.support.recorder_rows import TIME

PRICE, WEATHER, OTHER, MISSING = "sensor.price", "weather.home", "light.a", "sensor.never"
IDS = {PRICE: 1, WEATHER: 2, OTHER: 3}
NAMED = (WEATHER, PRICE, MISSING)

type History = Sequence[tuple[str, float | None, str | None]]
"""Entity, time and state of each row, in the order of their ids."""


async def keep(hass: HomeAssistant, history: History, *, first_id: int = 1) -> None:
    """Put rows in the place of all that the recorder has."""

    def clear(db: Connection) -> None:
        for model in (States, StatesMeta):
            db.execute(delete(model))

    await in_database(hass, clear)
    metas = [{"metadata_id": id_, "entity_id": name} for name, id_ in IDS.items()]
    await insert_rows(hass, StatesMeta, metas)
    rows = [
        {"state_id": id_, "metadata_id": IDS[name], "last_updated_ts": time, "state": state}
        for id_, (name, time, state) in enumerate(history, start=first_id)
    ]
    await insert_rows(hass, States, rows)


async def read(
    hass: HomeAssistant, limits: Iterable[int] = (), named: Sequence[str] = NAMED, after: int = 0
) -> list[StatesPiece | StateColumns]:
    """Read all rows in one run, in pieces of these sizes and then of 1,000."""
    reader = StatesReader(hass, named)
    until = await in_recorder(hass, reader.newest_id)
    pieces: list[StatesPiece | StateColumns] = []
    sizes = iter(limits)
    while piece := await in_recorder(hass, reader.read, after, until, next(sizes, 1_000)):
        pieces.append(piece)
        after = piece.last.id
    return pieces


def seen(pieces: Iterable[StatesPiece | StateColumns]) -> dict[int, tuple[str | None, ...]]:
    """Return the states of the context entities for each row that has a time, by its id."""
    return {
        row[0]: piece.ambient.at(row[4])
        for piece in pieces
        for row in piece.rows
        if piece.ambient and row[4] is not None
    }


def expected(history: History, named: Sequence[str] = NAMED) -> dict[int, tuple[str | None, ...]]:
    """Return the same, by looking at all rows for each."""
    found = {}
    for id_, (_, moment, _) in enumerate(history, start=1):
        if moment is None:
            continue
        states = []
        for name in named:
            before = [
                (time, number, state)
                for number, (entity_id, time, state) in enumerate(history)
                if entity_id == name and time is not None and time <= moment
            ]
            states.append(max(before)[2] if before else None)
        found[id_] = tuple(states)
    return found


HISTORY: History = [
    (OTHER, TIME, "on"),  # nothing was recorded yet
    (PRICE, TIME + 2, "0.2"),
    (OTHER, TIME + 1, "off"),  # before the row above
    (WEATHER, TIME + 3, "sunny"),
    (PRICE, TIME + 3, "0.3"),
    (PRICE, TIME + 3, "0.4"),  # at the same time, and it holds
    (OTHER, TIME + 3, "on"),
    (PRICE, TIME + 4, None),  # removed
    (OTHER, TIME + 4.5, "off"),
    (OTHER, TIME - 100, "on"),  # long before
    (WEATHER, TIME + 2.5, "rainy"),
    (OTHER, None, "on"),
    (OTHER, TIME + 2.999999, "on"),
    (OTHER, TIME + 9, "on"),
]


@ON_EACH_DATABASE
@pytest.mark.parametrize("size", [1, 3, 1_000])
async def test_last_state_before_each_row(hass: HomeAssistant, size: int) -> None:
    """Each row has the last states up to its moment; of several at one time the newest."""
    await keep(hass, HISTORY)
    pieces = await read(hass, [size] * 100)
    assert [row[0] for piece in pieces for row in piece.rows] == list(range(1, 15))
    found = seen(pieces)
    assert found == expected(HISTORY)
    assert found[1] == (None, None, None)
    assert found[3] == (None, None, None)
    assert found[5] == found[6] == found[7] == ("sunny", "0.4", None)
    assert found[9] == ("sunny", None, None)
    assert found[13] == ("rainy", "0.2", None)


@ON_EACH_DATABASE
async def test_from_the_middle(hass: HomeAssistant) -> None:
    """A run that resumes after others knows what was before it."""
    await keep(hass, HISTORY)
    found = seen(await read(hass, after=8))
    assert found == {id_: states for id_, states in expected(HISTORY).items() if id_ > 8}


@ON_EACH_DATABASE
async def test_years_at_once(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a piece needs more states than a page holds, it is shorter, and all is right."""
    monkeypatch.setattr(ambient_states_module, "PAGE_STATES", 20)
    monkeypatch.setattr(ambient_states_module, "KEPT_STATES", 20)
    dense = [(PRICE, TIME + number, str(number)) for number in range(300)]
    weather = [(WEATHER, TIME + 90.5 * number, str(number)) for number in range(3)]
    old = [(OTHER, TIME + 7.3 * (number % 25), "on") for number in range(40)]
    history: History = [*dense, *weather, *old]
    await keep(hass, history)
    with statements(hass) as sent:
        pieces = await read(hass, after=303)
    assert seen(pieces) == {id_: states for id_, states in expected(history).items() if id_ > 303}
    assert 10 < len(pieces) <= 30
    assert len([sql for sql, _ in sent if "max(" in sql]) <= 2 * len(pieces) + 1
    for piece in pieces:
        assert piece.ambient
        assert len(piece.ambient.since) <= 2 * 20 + 1


async def test_more_states_at_one_time_than_a_page(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """States that are all of one time do not keep a run from going on."""
    monkeypatch.setattr(ambient_states_module, "PAGE_STATES", 10)
    same = [(PRICE, TIME + 1, str(number)) for number in range(40)]
    history: History = [(OTHER, TIME, "on"), *same, (OTHER, TIME + 2, "on")]
    await keep(hass, history)
    assert seen(await read(hass)) == expected(history)


async def test_times_that_run_backwards(hass: HomeAssistant) -> None:
    """Rows in whatever order are one piece, and take no query each."""
    history: History = [(PRICE, TIME + 5, "1")]
    history = [*history, *((OTHER, TIME + 20 - number, "on") for number in range(20))]
    await keep(hass, history)
    pieces = await read(hass)
    assert len(pieces) == 1
    assert seen(pieces) == expected(history)


async def test_what_is_known_is_not_read_again(hass: HomeAssistant) -> None:
    """Pieces that follow one another read these states once, in one query each at most."""
    history: History = [
        (name, TIME + number, str(number))
        for number, name in enumerate([PRICE, OTHER, WEATHER, OTHER] * 500)
    ]
    await keep(hass, history)
    with statements(hass) as sent:
        pieces = await read(hass, [100] * 100)
    assert len(pieces) == 20
    assert len([sql for sql, _ in sent if "max(" in sql and "last_updated" in sql]) == 1
    assert len([sql for sql, _ in sent if "anon_" in sql]) == 20
    assert seen(pieces) == expected(history)


async def test_memory_is_bounded(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is a part of a long history, and rows from before it are right still."""
    monkeypatch.setattr(ambient_states_module, "KEPT_STATES", 50)
    changes = [(PRICE, TIME + number, str(number)) for number in range(2_000)]
    history: History = [*changes, (OTHER, TIME + 3.5, "on"), (OTHER, TIME + 1_999, "on")]
    await keep(hass, history)
    pieces = await read(hass, [100] * 100)
    for piece in pieces[:20]:
        assert piece.ambient
        assert len(piece.ambient.since) <= 151
    assert seen(pieces) == expected(history)


async def test_nothing_named(hass: HomeAssistant) -> None:
    """Where nothing is named nothing more is read."""
    await keep(hass, HISTORY)
    with statements(hass) as sent:
        (piece,) = await read(hass, named=())
    assert piece.ambient is None
    assert len([sql for sql, _ in sent if "WHERE states." in sql]) == 2


async def test_nothing_known(hass: HomeAssistant) -> None:
    """Entities that the recorder does not know take no query, and have no state."""
    await keep(hass, HISTORY)
    with statements(hass) as sent:
        found = seen(await read(hass, named=(MISSING, "sun.sun")))
    assert set(found.values()) == {(None, None)}
    assert len([sql for sql, _ in sent if "WHERE states." in sql]) == 2


@ON_EACH_DATABASE
async def test_renamed(hass: HomeAssistant) -> None:
    """States follow an entity to its new name, and the old name has none."""
    registry = er.async_get(hass)
    old = registry.async_get_or_create("sensor", "test", "1", suggested_object_id="old").entity_id
    hass.states.async_set(old, "5")
    await async_wait_recording_done(hass)
    registry.async_update_entity(old, new_entity_id="sensor.new")
    await hass.async_block_till_done()
    await async_wait_recording_done(hass)
    hass.states.async_set(OTHER, "on")
    await async_wait_recording_done(hass)
    pieces = await read(hass, named=(old, "sensor.new"))
    assert list(seen(pieces).values())[-1] == (None, "5")


async def test_renamed_during_a_run(hass: HomeAssistant) -> None:
    """A piece that knows the new name has its states, as its rows have that name."""
    await keep(hass, [(PRICE, TIME, "5"), (OTHER, TIME + 1, "on"), (OTHER, TIME + 2, "off")])
    reader = StatesReader(hass, (PRICE, "sensor.new", "sensor.later"))
    before = await in_recorder(hass, reader.read, 0, 2)

    def rename(db: Connection) -> None:
        db.exec_driver_sql("UPDATE states_meta SET entity_id = 'sensor.new' WHERE metadata_id = 1")

    await in_database(hass, rename)
    await insert_rows(hass, StatesMeta, [{"metadata_id": 4, "entity_id": "sensor.later"}])
    later = {"metadata_id": 4, "last_updated_ts": TIME + 3, "state": "7"}
    await insert_rows(hass, States, [later])
    after = await in_recorder(hass, reader.read, 2, 4)
    assert before is not None
    assert after is not None
    assert seen([before, after]) == {
        1: ("5", None, None),
        2: ("5", None, None),
        3: (None, "5", None),
        4: (None, "5", "7"),
    }


@ON_EACH_DATABASE
async def test_plans(hass: HomeAssistant) -> None:
    """The states are found by the index of entity and time, whatever the span."""
    entities = [f"sensor.s{number}" for number in range(200)]
    await insert_rows(hass, StatesMeta, [{"entity_id": name} for name in entities])
    metas = await in_database(
        hass, lambda db: [row[0] for row in db.execute(StatesMeta.__table__.select())]
    )
    times = [*(TIME + number for number in range(60_000)), TIME + 5]
    rows = [
        {"metadata_id": metas[number % 200], "last_updated_ts": time, "state": "1"}
        for number, time in enumerate(times)
    ]
    await insert_rows(hass, States, rows)
    for name in ("states", "states_meta"):
        analyze = partial(_analyze, name=name)
        await in_database(hass, analyze)
    reader, other = (StatesReader(hass, [*entities[:20], MISSING]) for _ in range(2))
    newest = await in_recorder(hass, reader.newest_id)
    with statements(hass) as sent:
        assert await in_recorder(hass, reader.read, newest - 1_000, newest - 500, 400)
        piece = await in_recorder(hass, other.read, newest - 2, newest, 400)
    assert piece
    assert len(piece.rows) == 1  # There is more between it and the next than a page.
    context_entity = [sql for sql in sent if "UNION" in sql[0]]
    assert len(context_entity) == 6
    for statement, parameters in context_entity:
        steps = await in_database(hass, partial(plan, statement=statement, parameters=parameters))
        # What the subqueries return is a page at most.
        steps = [step for step in steps if "anon_" not in step and "<derived" not in step]
        # PostgreSQL may sort the few that the index has found.
        slow = [step for step in steps if is_slow(step, "states") and "Sort" not in step]
        assert not slow, f"{statement}\n{steps}"
        if "anon_" in statement:
            indices = [found[0] for step in steps if (found := re.findall(r"\bix_\w+", step))]
            assert indices == ["ix_states_metadata_id_last_updated_ts"] * 20


def _analyze(db: Connection, name: str) -> None:
    db.exec_driver_sql(ANALYZE[db.dialect.name].format(name))


def test_a_moment_of_a_span() -> None:
    """Both ends belong to a span, and a state holds from its very moment on."""
    span = AmbientStates((1.0, 2.0, 2.0, 3.0), (("a",), ("b",), ("c",), ("d",)), 4.0)
    assert [span.at(time)[0] for time in (1.0, 1.999999, 2.0, 2.5, 3.0, 4.0)] == list("aaccdd")
    assert [span.cover(time) for time in (0.9, 1.0, 4.0, 4.1)] == [False, True, True, False]
    assert span.newest(2) == AmbientStates((2.0, 3.0), (("c",), ("d",)), 4.0)
    assert span.newest(9) is span


TIMES = st.one_of(
    st.none(),
    st.integers(0, 12).map(lambda second: TIME + second),
    st.floats(0, 12).map(lambda second: TIME + second),
    st.sampled_from([0.0, TIME - 900, TIME + 900, TIME + 1e9, -5.5]),
)
ROWS = st.tuples(
    st.sampled_from([PRICE, WEATHER, OTHER]),
    TIMES,
    st.sampled_from([None, "1", "2", "unavailable", "unknown", ""]),
)
RUNS = st.tuples(
    st.sampled_from([3, 4, 7, 2_000]),  # states in a page
    st.sampled_from([1, 3, 5, 4_000]),  # changes that are remembered
    st.lists(st.integers(1, 9), max_size=40),  # rows in a piece
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(ROWS, min_size=1, max_size=40), run=RUNS)
async def test_any_history(
    hass: HomeAssistant, history: History, run: tuple[int, int, list[int]]
) -> None:
    """Whatever was recorded in whatever order, each row has what was there at its moment."""
    page, kept, sizes = run
    await keep(hass, history)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ambient_states_module, "PAGE_STATES", page)
        patch.setattr(ambient_states_module, "KEPT_STATES", kept)
        pieces = await read(hass, sizes)
    ids = [row[0] for piece in pieces for row in piece.rows]
    assert ids == list(range(1, len(history) + 1))
    assert seen(pieces) == expected(history)


@pytest.mark.parametrize(("doubled", "state"), [(1, "a"), (5, "b")])
async def test_doubled_metadata(hass: HomeAssistant, doubled: int, state: str) -> None:
    """Of an entity whose metadata the recorder has twice, the last state counts."""
    await keep(hass, [(PRICE, TIME, "a"), (OTHER, TIME + 3, "b"), (WEATHER, TIME + 9, "sunny")])

    def double(db: Connection) -> None:
        db.execute(text("DROP INDEX ix_states_meta_entity_id"))
        db.execute(update(StatesMeta).where(StatesMeta.metadata_id == 3).values(entity_id=PRICE))
        db.execute(
            update(States).where(States.state == "b").values(last_updated_ts=TIME + doubled - 3)
        )

    await in_database(hass, double)
    pieces = await read(hass, after=2)
    (piece,) = pieces
    assert piece.ambient is not None
    assert piece.ambient.at(TIME + 9)[1] == state
