"""Reading the recorder's events, on each database."""

from typing import Any

from homeassistant.components.recorder.db_schema import EventData, Events, EventTypes
from homeassistant.core import Context, Event, EventOrigin, HomeAssistant, callback
from homeassistant.util.ulid import ulid_now, ulid_to_bytes
from hypothesis import HealthCheck, given, settings, strategies as st
import orjson
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import delete, update

from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.source import (
    events as events_reader,
    lookup_cache as remembered,
)
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
    keep_text_inline,
)
from tests.bigquery_export.support.sources import (
    decoded,
    microseconds,
    read_pieces,
    read_rows,
    source,
)

NOW = 1_790_000_000.123456
CHOSEN, OTHER = 1, 2
USER = "0123456789abcdef0123456789abcdef"


async def record_types(hass: HomeAssistant) -> None:
    """Empty the tables of events, and make a type that is chosen and one that is not."""

    def empty(db: Any) -> None:
        for model in (Events, EventData, EventTypes):
            db.execute(delete(model))

    await in_database(hass, empty)
    await insert_rows(
        hass,
        EventTypes,
        [
            {"event_type_id": CHOSEN, "event_type": "script_started"},
            {"event_type_id": OTHER, "event_type": "timer.started"},
        ],
    )


def row(event_id: int, type_id: int | None = CHOSEN, **changes: Any) -> dict[str, Any]:
    """Return a row of events as it is inserted."""
    values = {
        "event_id": event_id,
        "event_type_id": type_id,
        "data_id": None,
        "time_fired_ts": NOW + event_id,
        "origin_idx": 0,
        "context_id_bin": event_id.to_bytes(16),
        "context_user_id_bin": None,
        "context_parent_id_bin": None,
    }
    return values | changes


@ON_EACH_DATABASE
async def test_events_that_home_assistant_fired(hass: HomeAssistant) -> None:
    """Each chosen event is read as it was fired, with its context; no other is."""
    context = Context(user_id=USER, parent_id=ulid_now())
    fired: list[Event] = []

    @callback
    def remember(event: Event) -> None:
        fired.append(event)

    hass.bus.async_listen("automation_triggered", remember)
    hass.bus.async_listen("my_event", remember)
    data = {"name": "Gute Nacht 🌙", "entity_id": "automation.night", "source": "sun\n'"}
    hass.bus.async_fire("automation_triggered", data, context=context)
    hass.bus.async_fire("not_chosen", {"a": 1})
    hass.bus.async_fire("my_event", {}, origin=EventOrigin.remote)
    hass.bus.async_fire("automation_triggered", data)
    await async_wait_recording_done(hass)

    events = source(hass, EVENTS, events={"automation_triggered", "my_event"})
    rows = await read_rows(hass, events)
    assert not rows.rejected
    values = decoded(EVENTS, rows)
    assert [value["event_type"] for value in values] == [event.event_type for event in fired]
    for event, value in zip(fired, values, strict=True):
        assert value["time_fired"] == microseconds(event.time_fired_timestamp)
        assert value["context_id"] == event.context.id
        assert orjson.loads(value.get("event_data", "{}")) == event.data
        assert value["origin"] == event.origin.value
    assert values[0]["context_user_id"] == USER
    assert values[0]["context_parent_id"] == context.parent_id
    assert values[0]["entity_id"] == "automation.night"
    assert values[0]["domain"] == "automation"
    assert "context_user_id" not in values[2]
    assert await in_recorder(hass, events.reader.count, 0) == 3


@ON_EACH_DATABASE
async def test_the_chosen_among_many(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor goes past what is not chosen, in few reads, and every chosen event is read."""
    monkeypatch.setattr(events_reader, "_WINDOW", 40)
    await record_types(hass)
    chosen = {1, 2, 3, 55, 56, 199, 470}
    gap = range(200, 400)  # Purged.
    await insert_rows(
        hass,
        Events,
        [row(id_, CHOSEN if id_ in chosen else OTHER) for id_ in range(1, 501) if id_ not in gap],
    )
    events = source(hass, EVENTS)
    pieces = await read_pieces(hass, events, limit=2)
    assert [row[0] for piece in pieces for row in piece.rows] == sorted(chosen)
    assert all(len(piece.rows) <= 2 for piece in pieces)
    assert len(pieces) <= 300 / 40 + len(chosen) + 1
    assert pieces[-1].last.id == 500
    assert any(not piece.rows for piece in pieces)
    assert await in_recorder(hass, events.reader.count, 3) == 4

    # The last event of a run identifies the history, though it is not chosen.
    last = pieces[-1].last
    assert await in_recorder(hass, events.reader.fingerprints, [last.id]) == {
        last.id: last.fingerprint
    }
    assert await in_recorder(hass, events.reader.read, 500, 500, 1_000) is None


async def test_few_behind_many(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chosen events that are far behind others still wait, so a purge is not forgotten."""
    monkeypatch.setattr("custom_components.bigquery_export.source.reader._COUNTED", 5)
    await record_types(hass)
    rows = [row(event_id, CHOSEN if event_id < 3 else OTHER) for event_id in range(1, 21)]
    await insert_rows(hass, Events, rows)
    events = source(hass, EVENTS)
    assert await in_recorder(hass, events.reader.count, 0) == 1
    assert await in_recorder(hass, events.reader.count, 15) == 0


async def test_a_piece_has_at_most_1250_rows(hass: HomeAssistant) -> None:
    """A larger limit is not honored, and the next read continues behind them."""
    await record_types(hass)
    await insert_rows(hass, Events, [row(id_) for id_ in range(1, 1_351)])
    pieces = await read_pieces(hass, source(hass, EVENTS), limit=5_000)
    assert [len(piece.rows) for piece in pieces] == [1_250, 100]


@ON_EACH_DATABASE
async def test_increments(hass: HomeAssistant) -> None:
    """A later run resumes behind the last event of whatever type; a new type is found."""
    await record_types(hass)
    await insert_rows(hass, Events, [row(1), row(2, OTHER)])
    (first,) = await read_pieces(hass, source(hass, EVENTS))
    assert first.last.id == 2
    await insert_rows(hass, EventTypes, [{"event_type_id": 3, "event_type": "new"}])
    await insert_rows(hass, Events, [row(3, 3), row(4)])
    rows = await read_rows(hass, source(hass, EVENTS, events={"new"}), after=2)
    assert rows.ids == [3]


@ON_EACH_DATABASE
async def test_nothing_is_chosen(hass: HomeAssistant) -> None:
    """Without a choice nothing is read, and the cursor advances all the same."""
    await record_types(hass)
    await insert_rows(hass, Events, [row(1), row(2, OTHER)])
    events = source(hass, EVENTS, events=())
    (piece,) = await read_pieces(hass, events)
    assert not piece.rows
    assert piece.last.id == 2
    assert await in_recorder(hass, events.reader.count, 0) == 0


@ON_EACH_DATABASE
async def test_id_that_was_given_again(hass: HomeAssistant) -> None:
    """A fingerprint changes when its id belongs to another event, and only then."""
    await record_types(hass)
    await insert_rows(hass, Events, [row(1), row(2, OTHER), row(3, context_id_bin=None)])
    events = source(hass, EVENTS)
    before = await in_recorder(hass, events.reader.fingerprints, [1, 2, 3, 4])
    assert sorted(before) == [1, 2, 3]
    assert before[2] == f"{NOW + 2!r} {(2).to_bytes(16).hex()}"
    change = update(Events).where(Events.event_id == 2).values(context_id_bin=b"x" * 16)
    await in_database(hass, lambda db: db.execute(change))
    after = await in_recorder(hass, events.reader.fingerprints, [1, 2, 3])
    assert {id_ for id_ in before if before[id_] != after[id_]} == {2}


@ON_EACH_DATABASE
async def test_rows_from_old_schemas(hass: HomeAssistant) -> None:
    """Events from before 2022 have data and origin of their own."""
    await record_types(hass)
    for column in ("event_data", "origin"):
        await keep_text_inline(hass, "events", column)
    await insert_rows(hass, EventData, [{"data_id": 1, "shared_data": '{"shared":1}'}])
    await insert_rows(
        hass,
        Events,
        [
            row(1, event_data='{"old":1}', origin="REMOTE", origin_idx=None),
            row(2, data_id=1, event_data=None, origin=None),
            row(3, event_data=None, origin=None, origin_idx=None),
        ],
    )
    old, shared, bare = decoded(EVENTS, await read_rows(hass, source(hass, EVENTS)))
    assert (old["event_data"], old["origin"]) == ('{"old":1}', "REMOTE")
    assert (shared["event_data"], shared["origin"]) == ('{"shared":1}', "LOCAL")
    assert "event_data" not in bare
    assert "origin" not in bare


@ON_EACH_DATABASE
async def test_rejected_rows(hass: HomeAssistant) -> None:
    """An event that cannot be encoded stops no other."""
    await record_types(hass)
    await insert_rows(hass, EventData, [{"data_id": 1, "shared_data": "{"}])
    await insert_rows(
        hass,
        Events,
        [
            row(1),
            row(2, time_fired_ts=None),
            row(3, time_fired_ts=1e300),
            row(4, data_id=1),
            row(5, context_id_bin=b"short"),
            row(6, None),
            row(7),
        ],
    )
    rows = await read_rows(hass, source(hass, EVENTS))
    assert rows.ids == [1, 4, 7]
    assert rows.repaired == [4]
    assert [rejected.values["event_id"] for rejected in rows.rejected] == [2, 3, 5]
    reasons = [rejected.reason for rejected in rows.rejected]
    for part, reason in zip(["no time", "years", "16"], reasons, strict=True):
        assert part in reason
    assert rows.rejected[0].values["event_type"] == "script_started"


async def test_remembered_data_are_bounded(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader forgets data when they get too much, and reads them again."""
    monkeypatch.setattr(remembered, "SHARED_CHARACTERS", 100)
    await record_types(hass)
    data = [{"data_id": id_, "shared_data": f'{{"number":{id_:10}}}'} for id_ in range(1, 61)]
    await insert_rows(hass, EventData, data)
    await insert_rows(hass, Events, [row(id_, data_id=id_) for id_ in range(1, 61)])
    pieces = await read_pieces(hass, source(hass, EVENTS), limit=2)
    for piece in pieces:
        assert all(row[2] in piece.data for row in piece.rows)
        assert len(piece.data) <= 10
    # It remembers again what comes after.
    assert len({id(piece.data) for piece in pieces}) < len(pieces) / 2


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
DATA = st.dictionaries(
    st.sampled_from(["entity_id", "domain", "service", "service_data", "user_id"]) | TEXT,
    st.none()
    | TEXT
    | st.integers(-(2**53), 2**53)
    | st.lists(TEXT, max_size=2)
    | st.fixed_dictionaries({"entity_id": TEXT | st.lists(TEXT, max_size=2)}),
    max_size=5,
)
IDS = st.none() | st.binary(min_size=16, max_size=16)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=st.lists(
        st.tuples(st.none() | DATA, st.floats(-6e10, 2.5e11), st.sampled_from([0, 1]), IDS, IDS),
        min_size=1,
        max_size=20,
    )
)
async def test_round_trip(hass: HomeAssistant, rows: list[tuple[Any, ...]]) -> None:
    """Whatever the recorder holds is in the row that is sent."""
    await record_types(hass)
    shared, recorded = [], []
    for number, (data, time, origin, context, user) in enumerate(rows, start=1):
        if data is not None:
            shared.append({"data_id": number, "shared_data": orjson.dumps(data).decode()})
        recorded.append(
            row(
                number,
                data_id=None if data is None else number,
                time_fired_ts=time,
                origin_idx=origin,
                context_id_bin=context,
                context_user_id_bin=user,
            )
        )
    if shared:
        await insert_rows(hass, EventData, shared)
    await insert_rows(hass, Events, recorded)
    encoded = await read_rows(hass, source(hass, EVENTS), limit=7)
    assert not encoded.rejected
    for (data, time, origin, context, user), found in zip(
        rows, decoded(EVENTS, encoded), strict=True
    ):
        text = found.get("event_data")
        assert (None if text is None else orjson.loads(text)) == data
        assert found["time_fired"] == microseconds(time)
        assert found["origin"] == ("LOCAL", "REMOTE")[origin]
        ulid = found.get("context_id")
        assert (None if ulid is None else ulid_to_bytes(ulid)) == context
        assert found.get("context_user_id") == (None if user is None else user.hex())
