"""Reading the recorder's states."""

from homeassistant.core import Context, HomeAssistant
from homeassistant.util.ulid import ulid_now, ulid_to_bytes
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.source.lookup_cache import Ids
from custom_components.bigquery_export.source.state_columns import StateColumns
from custom_components.bigquery_export.source.states import StatesPiece
from custom_components.bigquery_export.source.states_reader import StatesReader
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_recorder,
    keep_text_inline,
)
from tests.bigquery_export.support.query_plans import statements
from tests.bigquery_export.support.recording import execute, record, rewrite


async def read_all(
    hass: HomeAssistant, reader: StatesReader, limit: int
) -> list[StatesPiece | StateColumns]:
    """Read all pieces of a run."""
    until = await in_recorder(hass, reader.newest_id)
    pieces: list[StatesPiece | StateColumns] = []
    cursor = 0
    while piece := await in_recorder(hass, reader.read, cursor, until, limit):
        pieces.append(piece)
        cursor = piece.last.id
    return pieces


@ON_EACH_DATABASE
async def test_empty_database(hass: HomeAssistant) -> None:
    """Where nothing is recorded there is nothing to read."""
    reader = StatesReader(hass)
    assert await in_recorder(hass, reader.newest_id) == 0
    assert await in_recorder(hass, reader.count, 0) == 0
    assert await in_recorder(hass, reader.read, 0, 100) is None


@ON_EACH_DATABASE
async def test_pieces(hass: HomeAssistant) -> None:
    """Pieces follow one another without a gap or an overlap, and know what their keys mean."""
    await record(hass, 25, entities=3)
    pieces = await read_all(hass, StatesReader(hass), 10)
    assert [len(piece.rows) for piece in pieces] == [10, 10, 5]
    rows = [(piece, row) for piece in pieces for row in piece.rows]
    assert [row[2] for _, row in rows] == [str(number) for number in range(25)]
    for number, (piece, row) in enumerate(rows):
        assert row[1] is not None
        assert row[5] is not None
        assert piece.entity_ids[row[1]] == f"sensor.s{number % 3}"
        assert piece.attributes[row[5]] == f'{{"number":{number}}}'


async def test_a_piece_has_at_most_1250_rows(hass: HomeAssistant) -> None:
    """A larger limit is not honored: a piece must not hold up Home Assistant."""
    await record(hass, 1_300)
    reader = StatesReader(hass)
    piece = await in_recorder(hass, reader.read, 0, 2_000, 5_000)
    assert piece is not None
    assert len(piece.rows) == 1_250


@ON_EACH_DATABASE
async def test_bounds(hass: HomeAssistant) -> None:
    """A read begins after the cursor, and ends with the run's upper bound."""
    await record(hass, 10)
    reader = StatesReader(hass)
    piece = await in_recorder(hass, reader.read, 3, 7)
    assert piece is not None
    assert [row[0] for row in piece.rows] == [4, 5, 6, 7]
    assert piece.last.id == 7
    assert await in_recorder(hass, reader.count, 3) == 7


async def test_new_entity_during_a_run(hass: HomeAssistant) -> None:
    """An entity that appears after the first piece is known when it is met."""
    await record(hass, 2)
    reader = StatesReader(hass)
    await in_recorder(hass, reader.read, 0, 2)
    hass.states.async_set("light.new", "on")
    await async_wait_recording_done(hass)
    piece = await in_recorder(hass, reader.read, 2, 3)
    assert piece is not None
    (row,) = piece.rows
    assert row[1] is not None
    assert piece.entity_ids[row[1]] == "light.new"


async def test_attributes_that_are_missing(hass: HomeAssistant) -> None:
    """A piece brings all attributes of its rows, or those that its encoder lacks."""
    for state in ("on", "off"):
        hass.states.async_set("light.a", state, {"friendly_name": "A"})
    await async_wait_recording_done(hass)
    reader = StatesReader(hass)
    first, second = await read_all(hass, reader, 1)
    assert list(first.attributes.values()) == ['{"friendly_name":"A"}']
    assert first.attributes == second.attributes
    asked: list[Ids] = []

    def missing(ids: Ids) -> Ids:
        asked.append(ids)
        return ids if len(asked) > 1 else set()

    reader.bring_only(missing)
    assert [piece.attributes for piece in await read_all(hass, reader, 1)] == [
        {},
        first.attributes,
    ]
    assert asked == [first.attributes.keys()] * 2
    reader.bring_only(lambda ids: {None, 99})
    assert [piece.attributes for piece in await read_all(hass, reader, 2)] == [{99: None}]


@ON_EACH_DATABASE
async def test_rows_from_old_schemas(hass: HomeAssistant) -> None:
    """Rows without entity, time or shared attributes are read as they are."""
    await record(hass, 1)
    await keep_text_inline(hass, "states", "attributes")
    await execute(
        hass,
        "UPDATE states SET metadata_id = NULL, last_updated_ts = NULL, attributes_id = NULL,"
        " attributes = '{\"old\":1}', state = NULL",
    )
    (piece,) = await read_all(hass, StatesReader(hass), 10)
    (row,) = piece.rows
    assert row[1:7] == (None, None, None, None, None, '{"old":1}')


@ON_EACH_DATABASE
async def test_context_and_fingerprint(hass: HomeAssistant) -> None:
    """A context's ids are bytes on each database, and a row has its fingerprint for ever."""
    context = Context(user_id="0123456789abcdef0123456789abcdef", parent_id=ulid_now())
    hass.states.async_set("light.a", "on", context=context)
    await async_wait_recording_done(hass)
    reader = StatesReader(hass)
    (piece,) = await read_all(hass, reader, 10)
    (row,) = piece.rows
    assert row[7:] == (
        ulid_to_bytes(context.id),
        bytes.fromhex(context.user_id or ""),
        ulid_to_bytes(context.parent_id or ""),
    )
    assert piece.last.fingerprint == f"{row[4]!r} {ulid_to_bytes(context.id).hex()}"
    assert await in_recorder(hass, reader.fingerprints, [row[0], 99]) == {
        row[0]: piece.last.fingerprint
    }
    await execute(hass, "UPDATE states SET context_id_bin = NULL, last_updated_ts = 0.5")
    assert await in_recorder(hass, reader.fingerprints, [row[0]]) == {row[0]: "0.5 None"}


@ON_EACH_DATABASE
async def test_count_of_many(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are counted; of many as many are believed to be there as of the newest.

    Where none waits, that takes a single statement: it is asked for every five minutes.
    """
    await record(hass, 60)
    reader = StatesReader(hass)
    monkeypatch.setattr("custom_components.bigquery_export.source.reader._COUNTED", 20)
    assert await in_recorder(hass, reader.count, 0) == 60
    assert await in_recorder(hass, reader.count, 0, 45) == 45
    await rewrite(hass)
    for id_ in range(32, 61, 2):
        await execute(hass, f"DELETE FROM states WHERE state_id = {id_}")  # noqa: S608
    assert await in_recorder(hass, reader.count, 40) == 10  # It ends with 59.
    assert await in_recorder(hass, reader.count, 10) == round(49 * 3 / 5)
    # What was purged after the cursor is no part of it.
    await rewrite(hass, "DELETE FROM states WHERE state_id <= 30")
    assert await in_recorder(hass, reader.count, 0) == round(29 * 3 / 5)
    with statements(hass) as sent:
        assert await in_recorder(hass, reader.count, 59) == 0
    assert len(sent) == 1
    await rewrite(hass, "DELETE FROM states")
    assert await in_recorder(hass, reader.count, 0) == 0
