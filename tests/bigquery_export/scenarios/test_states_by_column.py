"""States that are read column by column become the same rows as those that are read row by row."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from homeassistant.components.recorder.db_schema import StateAttributes, States, StatesMeta
from homeassistant.core import HomeAssistant
from hypothesis import HealthCheck, example, given, settings, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.export import recorder_tables
from custom_components.bigquery_export.rows.ambient import ContextEntity
from custom_components.bigquery_export.rows.column_groups import ColumnGroup, narrowed
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows
from custom_components.bigquery_export.rows.entity_filter import EntityFilter, Selection
from custom_components.bigquery_export.rows.own_columns import (
    OWN_TYPES,
    OwnColumn,
    with_own_columns,
)
from custom_components.bigquery_export.rows.privacy import Coordinates, Privacy, PrivacyChoice
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import ColumnType
from custom_components.bigquery_export.source import state_columns
from custom_components.bigquery_export.source.state_columns import StateColumns
from tests.bigquery_export.support.any_rows import VALUES, write
from tests.bigquery_export.support.databases import ON_EACH_DATABASE, in_recorder
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES

SUMMER_ENDS = 1_792_890_000.0
"""2026-10-25 01:00 UTC, when the clocks of Amsterdam go back to 02:00."""
MIDNIGHT = 1_793_228_400.0
"""00:00 in Amsterdam, a few days later."""
NEW_YEAR = 1_798_758_000.0
TIMES = st.one_of(
    st.floats(MIDNIGHT + 3_600, MIDNIGHT + 4_500),
    st.floats(MIDNIGHT - 40_000, MIDNIGHT + 40_000),
    st.sampled_from([SUMMER_ENDS, MIDNIGHT, NEW_YEAR, float(1 << 30), float(1 << 31)]).flatmap(
        lambda moment: st.floats(moment - 1_000, moment + 1_000)
    ),
    # Halves of a microsecond, and what is rounded to a whole second.
    st.sampled_from([MIDNIGHT + 3_600 + n / 128 + m / (1 << 22) for n in (1, 3) for m in (0, 1)]),
    st.just(MIDNIGHT + 4_000 - 1 / (1 << 22)),
)
ULIDS = st.binary(min_size=16, max_size=16)
REGULAR = {
    "metadata_id": st.sampled_from([1, 2, 3, 3, 4]),
    "state": st.one_of(
        st.sampled_from(["21.5", "on", "unavailable", "-0", "1_0", "nan", "", "line\nend\0"]),
        st.none(),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ),
    "last_changed_ts": st.one_of(st.none(), TIMES),
    "last_updated_ts": TIMES,
    "attributes_id": st.sampled_from([1, 2, 3, 4]),
    "attributes": st.none(),
    "context_id_bin": ULIDS,
    "context_user_id_bin": st.one_of(st.none(), st.just(bytes(range(16)))),
    "context_parent_id_bin": st.one_of(st.none(), ULIDS),
}
META: dict[Any, list[dict[str, Any]]] = {
    StatesMeta: [
        {"metadata_id": n, "entity_id": entity_id}
        for n, entity_id in enumerate(("sensor.a", "light.b", "person.c", "lock.d"), 1)
    ],
    StateAttributes: [
        {"attributes_id": n, "shared_attrs": text}
        for n, text in enumerate(
            (
                '{"friendly_name":"A","unit_of_measurement":"°C","level":7,"at":"2026-11-29"}',
                '{"latitude":52.37,"token":"x","hs_color":[30.5,99],"level":"7","on":"yes"}',
                '{"a":NaN,"level":7.5,"hs_color":{"0":null},"at":1e9,"on":false}',
                None,
            ),
            1,
        )
    ],
}


@st.composite
def pieces(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw rows as the recorder writes them, and now and then one that it never writes."""
    rows = []
    state_id = draw(st.sampled_from([0, 120, 16_380, 2_097_150]))
    together = draw(st.booleans())
    time = draw(TIMES)
    for _ in range(draw(st.integers(1, 12))):
        state_id += draw(st.sampled_from([1, 1, 1, 5]))
        row = {name: draw(values) for name, values in REGULAR.items()}
        if together:
            row["last_updated_ts"] = time = time + draw(st.floats(0, 60))
            row["last_changed_ts"] = draw(st.sampled_from([None, time, time - 30, time + 1e-6]))
        rows.append({"state_id": state_id, **row})
    if draw(st.integers(0, 3)) == 0:
        odd = draw(st.sampled_from([name for name in REGULAR if name != "attributes"]))
        draw(st.sampled_from(rows))[odd] = draw(VALUES)
    return rows


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may have chosen."""

    encoding: Any = ProtobufEncoding
    excluded: frozenset[str] = frozenset()
    context_entities: tuple[ContextEntity, ...] = ()
    own_columns: tuple[OwnColumn, ...] = ()
    groups: Collection[ColumnGroup] = tuple(ColumnGroup)
    privacy: PrivacyChoice = field(default_factory=PrivacyChoice)


SELECTIONS = st.builds(
    Selection,
    globs=st.sampled_from([(), ("*.a",), ("person.*",)]),
    domains=st.sampled_from([(), ("light",), ("person", "sensor")]),
)
OWN_COLUMNS = st.lists(
    st.one_of(
        st.builds(
            OwnColumn,
            st.uuids().map(lambda uuid: f"own_{uuid.hex}"),
            st.sampled_from(OWN_TYPES),
            st.sampled_from(["", "level", "latitude", "token", "hs_color.0", "a", "at", "on"]),
            selection=SELECTIONS,
        ),
        st.builds(
            OwnColumn,
            st.uuids().map(lambda uuid: f"own_{uuid.hex}"),
            st.just(ColumnType.FLOAT64),
            st.sampled_from(["", "level"]),
            unit=st.just("°F"),
            value_unit=st.sampled_from(["", "K"]),
            selection=SELECTIONS,
        ),
    ),
    max_size=4,
).map(tuple)
OPTIONS = st.builds(
    Options,
    encoding=st.sampled_from([ProtobufEncoding, NdjsonEncoding]),
    excluded=st.sets(st.sampled_from(["sensor.a", "person.c", "lock.d"])).map(frozenset),
    context_entities=st.sampled_from([(), (ContextEntity("light.b", "light"),)]),
    own_columns=OWN_COLUMNS,
    groups=st.sets(st.sampled_from(list(ColumnGroup))),
    privacy=st.builds(
        PrivacyChoice,
        dropped=st.sampled_from([("token",), ("light.*:token", "friendly_name")]),
        coordinates=st.sampled_from(list(Coordinates)),
        hash_users=st.booleans(),
        hidden=st.sampled_from([(), ("person.*",)]),
    ),
)


def exported(hass: HomeAssistant, options: Options, limit: int) -> tuple[EncodedRows, int]:
    """Return the rows of states, and how many of them were read column by column; this blocks."""
    declared = recorder_tables.RECORDER_TABLES[SENSOR_DATA.name]
    choice = Choice(
        context_entities=options.context_entities,
        entities=EntityFilter(exclude=Selection(entities=options.excluded)),
        own_columns=options.own_columns,
    )
    table = with_own_columns(SENSOR_DATA, options.own_columns)
    encoding = narrowed(options.encoding(table), options.groups)
    run = RowContext(
        RUN_VALUES, AMSTERDAM, choice, privacy=Privacy(options.privacy, secret=b"secret")
    )
    source = declared.open(hass, encoding, run)
    rows, after, by_column = EncodedRows(), 0, 0
    while piece := source.reader.read(after, 1 << 62, limit):
        if isinstance(piece, StateColumns):
            by_column += len(piece.rows)
        assert piece.last == declared.source.anchor(piece.rows[-1])
        after = piece.last.id
        rows.extend(source.encoder.encode(piece))
    return rows, by_column


def compare(
    hass: HomeAssistant, rows: list[dict[str, Any]], options: Options, limit: int = 1_000
) -> int:
    """Compare what both ways make of rows; return how many were read column by column."""
    write(hass, States, rows)
    found, by_column = exported(hass, options, limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder_tables, "STATES_BY_COLUMN", False)
        by_row = exported(hass, options, limit)
    assert by_row == (found, 0)
    return by_column


async def write_meta(hass: HomeAssistant) -> None:
    """Write the rows that states refer to."""
    for model, rows in META.items():
        await in_recorder(hass, write, hass, model, rows)


async def test_same_rows(hass: HomeAssistant) -> None:
    """Whatever states are like, and whatever is chosen, a row is the same byte for byte."""
    await write_meta(hass)
    together = alone = 0

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=pieces(), options=OPTIONS, limit=st.sampled_from([1, 3, 1_000]))
    @example(rows=[], options=Options(), limit=1_000)
    def check(rows: list[dict[str, Any]], options: Options, limit: int) -> None:
        nonlocal together, alone
        by_column = compare(hass, rows, options, limit)
        together += by_column
        alone += len(rows) - by_column

    await in_recorder(hass, check)
    assert min(together, alone) > 300


@pytest.mark.parametrize(
    ("changes", "by_column"),
    [
        # Together they have as many bytes as they should.
        ([{"context_id_bin": bytes(15)}, {"context_id_bin": bytes(17)}], 0),
        ([{"context_id_bin": "0123456789abcdef"}, {}], 0),
        ([{"context_id_bin": None}, {}], 0),
        ([{"context_user_id_bin": "user"}, {}], 0),
        ([{"context_parent_id_bin": "0123456789abcdef"}, {}], 0),
        ([{"context_parent_id_bin": b""}, {"context_user_id_bin": b""}], 2),
        ([{"context_parent_id_bin": bytes(15)}, {}], 2),
        ([{"metadata_id": None}, {}], 0),
        ([{"metadata_id": 99}, {}], 2),
        ([{"metadata_id": "1x"}, {}], 0),
        ([{"metadata_id": float("inf")}, {}], 0),
        ([{"attributes_id": None, "attributes": '{"friendly_name":"Old"}'}, {}], 0),
        ([{"attributes_id": 1.5}, {}], 0),
        ([{"attributes_id": 99}, {}], 2),
        ([{"last_updated_ts": b"1793232000.5"}, {}], 0),
        ([{"last_updated_ts": None}, {}], 0),
        ([{"last_changed_ts": "long ago"}, {}], 0),
        ([{"last_changed_ts": 0.0}, {}], 0),
        ([{"state": b"on"}, {}], 0),
        # These bytes are null and 1 in the form in which SQLite keeps JSON.
        ([{"state": b"\x00"}, {}], 0),
        ([{"metadata_id": b"\x131"}, {}], 0),
        ([{"attributes_id": b"\x131"}, {}], 0),
        # The clocks go back in between, and a day ends.
        ([{"last_updated_ts": SUMMER_ENDS - 1}, {"last_updated_ts": SUMMER_ENDS}], 2),
        ([{"last_updated_ts": MIDNIGHT - 1}, {"last_updated_ts": MIDNIGHT}], 2),
        ([{"last_updated_ts": MIDNIGHT - 1e-7}, {"last_changed_ts": NEW_YEAR - 3e7}], 2),
        ([{"last_changed_ts": MIDNIGHT - 100}, {}], 2),
        ([{"last_updated_ts": MIDNIGHT}, {"last_updated_ts": MIDNIGHT + 1e8}], 2),
        ([{"last_updated_ts": 1.1e9}, {"last_updated_ts": 2.1e9}], 2),
    ],
)
@pytest.mark.parametrize("encoding", [ProtobufEncoding, NdjsonEncoding])
async def test_odd_states(
    hass: HomeAssistant, encoding: Any, changes: list[dict[str, Any]], by_column: int
) -> None:
    """What the recorder never writes is read by row; what it writes seldom is the same as well."""
    await write_meta(hass)
    regular = {
        "metadata_id": 1,
        "state": "on",
        "last_changed_ts": None,
        "last_updated_ts": MIDNIGHT + 3_600.5,
        "attributes_id": 1,
        "attributes": None,
        "context_id_bin": bytes(range(16)),
        "context_user_id_bin": None,
        "context_parent_id_bin": None,
    }
    rows = [{"state_id": n, **regular, **change} for n, change in enumerate(changes, 1)]
    assert await in_recorder(hass, compare, hass, rows, Options(encoding)) == by_column


async def test_what_is_no_json(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever SQLite makes of columns that cannot be read, the rows are read by row."""
    await record(hass, 10)
    with monkeypatch.context() as patch:
        broken = state_columns.STATEMENT.replace("json_group_array(state)", "group_concat(state)")
        patch.setattr(state_columns, "STATEMENT", broken)
        rows, by_column = await in_recorder(hass, exported, hass, Options(), 1_000)
        assert (len(rows.data), by_column) == (10, 0)


@ON_EACH_DATABASE
async def test_regular_states(hass: HomeAssistant) -> None:
    """What the recorder writes is read column by column on SQLite, and row by row on others."""
    await record(hass, 10)
    rows, by_column = await in_recorder(hass, exported, hass, Options(), 1_000)
    assert len(rows.data) == 10
    dialect = hass.data["recorder_instance"].engine.dialect.name
    assert by_column == (10 if dialect == "sqlite" else 0)
