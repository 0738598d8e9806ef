"""Own columns in rows of states: which entities have them, privacy, and what does not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows import attributes_encoder
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows
from custom_components.bigquery_export.rows.entity_filter import Selection
from custom_components.bigquery_export.rows.own_columns import (
    OwnColumn,
    is_column_name,
    is_taken,
    with_own_columns,
)
from custom_components.bigquery_export.rows.privacy import Coordinates, Privacy, PrivacyChoice
from custom_components.bigquery_export.rows.registry import RegistryValues
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.state_encoder import StateEncoder
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import ColumnType, Scope
from custom_components.bigquery_export.source.states import StateRow, StatesPiece
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES
from tests.bigquery_export.support.state_rows import row

ENTITIES = {1: "light.hall", 2: "light.attic", 3: "sensor.hall", 4: "person.anna"}
LEVEL = OwnColumn("level", ColumnType.INT64, "level")
NUMBER = OwnColumn("number", ColumnType.FLOAT64)
LIGHTS = Selection(domains=("light",))
HALL = Selection(globs=("*.hall",))
HUE = Selection(integrations=frozenset({"hue"}))


class Registry:
    """A registry in which some entities have an integration."""

    def __init__(self, **integrations: str) -> None:
        """Take integrations by entity, with two underscores for the dot."""
        self.version = 1
        self.integrations = {name.replace("__", "."): of for name, of in integrations.items()}

    def of(self, entity_id: str) -> RegistryValues:
        """Return the registry values of an entity."""
        return RegistryValues(integration=self.integrations.get(entity_id))


class Home:
    """States that are encoded with own columns, for one run."""

    def __init__(
        self,
        *own: OwnColumn,
        privacy: PrivacyChoice | None = None,
        encoding: type[ProtobufEncoding | NdjsonEncoding] = ProtobufEncoding,
        registry: Registry | None = None,
    ) -> None:
        """Begin a run."""
        self.encoding = encoding(with_own_columns(SENSOR_DATA, own))
        self.names = [column.name for column in own]
        run = RowContext(
            *(RUN_VALUES, AMSTERDAM, Choice(own_columns=own)),
            registry=registry or Registry(),
            privacy=Privacy(privacy, b"secret"),
        )
        self.encoder = StateEncoder(self.encoding, run)

    def encode(self, rows: Sequence[StateRow], sets: Mapping[int, Any]) -> EncodedRows:
        """Encode rows with sets of attributes, of which those are brought that are missing."""
        texts = {id_: orjson.dumps(values).decode() for id_, values in sets.items()}
        missing = self.encoder.attributes.missing({one[5] for one in rows})
        brought = {id_: texts[id_] for id_ in missing if id_ is not None}
        return self.encoder.encode(StatesPiece(rows, ENTITIES, brought))

    def own(self, encoded: EncodedRows) -> list[tuple[Any, ...]]:
        """Return the own columns of each row."""
        assert not encoded.rejected
        rows = map(self.encoding.decode, encoded.data)
        return [tuple(values.get(name) for name in self.names) for values in rows]


def states(*entities: int, set_: int = 7, state: str | None = "21.5") -> list[StateRow]:
    """Return a row of each entity, which all share a set of attributes."""
    return [
        row(state_id=n, metadata_id=entity, attributes_id=set_, state=state)
        for n, entity in enumerate(entities, 1)
    ]


@pytest.mark.parametrize("encoding", [ProtobufEncoding, NdjsonEncoding])
@pytest.mark.parametrize("of_state", [False, True])
def test_selection(of_state: bool, encoding: type[ProtobufEncoding | NdjsonEncoding]) -> None:
    """Entities that share a set of attributes, or a state, have each their own columns of it."""

    def own(name: str, **selection: Any) -> OwnColumn:
        column = OwnColumn(name, ColumnType.INT64, "" if of_state else "level")
        return replace(column, selection=Selection(**selection))

    home = Home(
        own("all"),
        own("lights", domains=("light",)),
        own("hall", globs=("*.hall",)),
        own("either", domains=("person",), globs=("light.attic",)),
        own("hue", integrations=("hue",)),
        encoding=encoding,
        registry=Registry(light__attic="hue", sensor__hall="mqtt"),
    )
    rows = states(1, 2, 3, 4, state="7")
    expected = [
        (7, 7, 7, None, None),
        (7, 7, None, 7, 7),
        (7, None, 7, None, None),
        (7, None, None, 7, None),
    ]
    assert home.own(home.encode(rows, {7: {"level": 7}})) == expected
    # From the caches, and in another order.
    assert home.own(home.encode(rows[::-1], {7: {"level": 7}})) == expected[::-1]


@pytest.mark.parametrize("encoding", [ProtobufEncoding, NdjsonEncoding])
def test_all_other_columns(encoding: type[ProtobufEncoding | NdjsonEncoding]) -> None:
    """They are what they are without own columns."""
    columns = (LEVEL, replace(LEVEL, name="hall", selection=HALL), NUMBER)
    sets = {7: {"level": 7, "friendly_name": "Hall"}}
    with_own, without = Home(*columns, encoding=encoding), Home(encoding=encoding)
    rows = [*states(1, 2, 3), *states(1, state="on"), *states(1, state=None)]
    for _ in range(2):
        found = list(map(with_own.encoding.decode, with_own.encode(rows, sets).data))
        others = list(map(without.encoding.decode, without.encode(rows, sets).data))
        names = ("level", "hall", "number")
        assert [
            {name: value for name, value in values.items() if name not in names} for values in found
        ] == others


def test_integration_that_changes() -> None:
    """An entity whose integration becomes another one has the columns of that from then on."""
    registry = Registry()
    columns = (replace(LEVEL, selection=HUE), replace(NUMBER, selection=HUE))
    home = Home(*columns, registry=registry)
    rows, sets = states(1), {7: {"level": 7}}
    assert home.own(home.encode(rows, sets)) == [(None, None)]
    registry.integrations["light.hall"] = "hue"
    registry.version += 1
    assert home.own(home.encode(rows, sets)) == [(7, 21.5)]
    registry.integrations["light.hall"] = "mqtt"
    registry.version += 1
    assert home.own(home.encode(rows, sets)) == [(None, None)]


@pytest.mark.parametrize("selection", [Selection(), LIGHTS])
def test_what_does_not_fit(selection: Selection) -> None:
    """It is NULL, is counted for each row that it is missing in, and rejects none."""
    columns = (replace(LEVEL, selection=selection), replace(NUMBER, selection=selection))
    home = Home(*columns)
    rows = [*states(1, 1, 2, 3, set_=7, state="on"), *states(1, set_=8), *states(1, set_=9)]
    sets = {7: {"level": 7.5}, 8: {"level": 8}, 9: {"other": "x"}}
    for _ in range(2):
        encoded = home.encode(rows, sets)
        assert home.own(encoded)[:4] == [(None, None)] * 4
        assert home.own(encoded)[4:] == [(8, 21.5), (None, 21.5)]
        number = 4 if selection == Selection() else 3
        assert encoded.unfit == {"level": number, "number": number}
    assert not home.encode(states(1, set_=8), sets).unfit


def test_nothing_that_does_not_fit_is_counted_elsewhere() -> None:
    """A value that fits no column is none of an entity that does not have the column."""
    home = Home(replace(LEVEL, selection=HALL), replace(NUMBER, selection=HALL))
    encoded = home.encode(states(2, 4, state="on"), {7: {"level": "high"}})
    assert home.own(encoded) == [(None, None)] * 2
    assert not encoded.unfit


def test_pieces_that_are_halved() -> None:
    """What does not fit beside a row that cannot be encoded is counted once."""
    home = Home(LEVEL)
    rows = [*states(1, 1, 1), row(state_id=4, metadata_id=1, attributes_id=7, updated=None)]
    encoded = home.encode(rows, {7: {"level": "high"}})
    assert (len(encoded.data), len(encoded.rejected)) == (3, 1)
    assert encoded.unfit == {"level": 3}


def test_unit_of_each_state() -> None:
    """A state is converted from the unit that it had itself, also where others are like it."""
    home = Home(OwnColumn("own", ColumnType.FLOAT64, unit="°F", selection=HALL))
    rows = [*states(3, 2, set_=7), *states(3, set_=8), *states(3, set_=9)]
    sets = {
        7: {"unit_of_measurement": "°C"},
        8: {"unit_of_measurement": "K"},
        9: {"unit_of_measurement": ["°C"]},
    }
    encoded = home.encode(rows, sets)
    of_celsius, other, of_kelvin, unknown = (value for (value,) in home.own(encoded))
    assert of_celsius == pytest.approx(70.7)
    assert of_kelvin == pytest.approx(-420.97)
    assert (other, unknown) == (None, None)
    assert encoded.unfit == {"own": 1}


PRIVATE = {"latitude": 52.3777, "token": "secret", "level": 7, "device_class": "plug"}


@pytest.mark.parametrize(
    ("privacy", "expected"),
    [
        (PrivacyChoice(), (52.3777, None, 7, "plug")),
        (PrivacyChoice(dropped=("level",)), (52.3777, "secret", None, "plug")),
        (PrivacyChoice(dropped=("light.*:token",)), (52.3777, None, 7, "plug")),
        (PrivacyChoice(dropped=("sensor.*:token",)), (52.3777, "secret", 7, "plug")),
        (PrivacyChoice(coordinates=Coordinates.ROUND), (52.38, None, 7, "plug")),
        (PrivacyChoice(coordinates=Coordinates.DROP), (None, None, 7, "plug")),
        (PrivacyChoice(hidden=("light.*",)), (None, None, None, "plug")),
    ],
)
def test_privacy(privacy: PrivacyChoice, expected: tuple[Any, ...]) -> None:
    """What privacy removes or changes is removed or changed in own columns, too."""
    home = Home(
        OwnColumn("a", ColumnType.FLOAT64, "latitude"),
        OwnColumn("b", ColumnType.STRING, "token", selection=LIGHTS),
        LEVEL,
        OwnColumn("c", ColumnType.STRING, "device_class", selection=LIGHTS),
        privacy=privacy,
    )
    for _ in range(2):
        assert home.own(home.encode(states(1, 2, 1), {7: PRIVATE})) == [expected] * 3


def test_rules_of_one_entity() -> None:
    """An entity with privacy rules of its own shares attributes with others, but not columns."""
    home = Home(LEVEL, privacy=PrivacyChoice(dropped=("light.hall:level",)))
    for _ in range(2):
        encoded = home.encode(states(1, 2, 1, 3), {7: {"level": 7}})
        assert home.own(encoded) == [(None,), (7,), (None,), (7,)]
        encoded = home.encode(states(1, 2), {7: {"level": "high"}})
    home = Home(LEVEL, privacy=PrivacyChoice(dropped=("light.hall:token",)))
    encoded = home.encode(states(1, 2, 1), {7: {"level": "high", "token": "x"}})
    assert encoded.unfit == {"level": 3}


def test_hidden_entities() -> None:
    """A pattern tells nothing of a hidden entity; its domain is exported, and so are its states."""
    home = Home(
        *(replace(NUMBER, name=name, selection=of) for name, of in NAMED.items()),
        privacy=PrivacyChoice(hidden=("light.hall", "sensor.*")),
    )
    rows = states(1, 2, 3)
    assert home.own(home.encode(rows, {7: {}})) == [
        (21.5, 21.5, None, 21.5),
        (21.5, 21.5, None, 21.5),
        (21.5, None, None, None),
    ]


NAMED = {
    "all": Selection(),
    "lights": LIGHTS,
    "hall": HALL,
    "either": Selection(domains=("light",), globs=("sensor.*",)),
}


def test_attributes_of_a_row() -> None:
    """A row of an older recorder, which has its attributes itself, has own columns of them."""
    home = Home(LEVEL, replace(LEVEL, name="selected", selection=LIGHTS), NUMBER)
    rows = [
        row(state_id=n, metadata_id=entity, attributes_id=None, attributes=text)
        for n, (entity, text) in enumerate(
            [(1, '{"level":7}'), (3, '{"level":7}'), (1, '{"level":"x"}'), (1, None)], 1
        )
    ]
    for _ in range(2):
        encoded = home.encode(rows, {})
        assert home.own(encoded) == [
            *((7, 7, 21.5), (7, None, 21.5)),
            *((None, None, 21.5), (None, None, 21.5)),
        ]
        assert encoded.unfit == {"level": 1, "selected": 1}


@pytest.mark.parametrize("rules", [(), ("light.attic:x",)])
def test_memory(monkeypatch: pytest.MonkeyPatch, rules: tuple[str, ...]) -> None:
    """However many sets and states there are, few are remembered, and rows are right."""
    monkeypatch.setattr(attributes_encoder, "MAX_BYTES", 3_000)
    columns = (LEVEL, replace(LEVEL, name="hall", selection=HALL), replace(NUMBER, unit="°F"))
    home = Home(*columns, privacy=PrivacyChoice(dropped=rules))
    own = home.encoder.attributes._own
    assert own
    for n in range(300):
        level = n if n % 3 else "high"
        encoded = home.encode(
            states(1, 2, set_=n, state=str(n)), {n: {"level": level, "unit_of_measurement": "°F"}}
        )
        found = n if n % 3 else None
        assert home.own(encoded) == [(found, found, float(n)), (found, None, float(n))]
        assert encoded.unfit == ({} if n % 3 else {"level": 2, "hall": 1})
        kept, of_sets = own.attributes, own.attributes._sets_with.values()
        of_groups = (group.fragments for group in kept._groups)
        sets = (kept.sets, kept._unfit, own.states._units, *of_groups, *of_sets)
        assert max(map(len, sets)) < 60
        assert home.encoder.attributes._size < 6_000
    assert 0 < home.encoder.attributes._bytes < home.encoder.attributes._size


def test_memory_of_states() -> None:
    """However many states do not fit, few are remembered, and all are counted."""
    home = Home(replace(NUMBER, selection=HALL))
    own = home.encoder.attributes._own
    assert own
    for n in range(0, 30_000, 1_000):
        rows = [row(state_id=n, metadata_id=1, state=f"no number {n}") for n in range(n, n + 1_000)]
        for _ in range(2):
            assert home.encode(rows, {7: {}}).unfit == {"number": 1_000}
        assert len(own.states._unfit) < 12_000


def test_table() -> None:
    """The table of states has own columns at its end, and no other table has any."""
    table = with_own_columns(SENSOR_DATA, [LEVEL, NUMBER])
    assert table.columns[:-2] == SENSOR_DATA.columns
    assert [(one.name, one.type, one.scope) for one in table.columns[-2:]] == [
        ("level", ColumnType.INT64, Scope.ATTRIBUTES),
        ("number", ColumnType.FLOAT64, Scope.ROW),
    ]
    assert with_own_columns(SENSOR_DATA, ()) is SENSOR_DATA
    assert with_own_columns(STATISTICS, [LEVEL]) is STATISTICS


@pytest.mark.parametrize(
    ("name", "is_possible"),
    [
        *((name, True) for name in ("a", "_a", "Level_2", "a" * 300, "_change", "partition_1")),
        *((name, False) for name in ("", "2nd", "a b", "é", "a" * 301, "a-b", "a.b", "a\n")),
        *((name, False) for name in ("_TABLE_x", "_file_x", "_PARTITIONTIME", "_CHANGE_TYPE")),
        *((name, False) for name in ("_ROW_TIMESTAMP", "__ROOT__a", "_COLIDENTIFIER_1")),
    ],
)
def test_names(name: str, is_possible: bool) -> None:
    """A name is one that BigQuery takes for a column."""
    assert is_column_name(name) == is_possible


def test_names_that_are_taken() -> None:
    """No name is that of another column, in whatever case."""
    for column in SENSOR_DATA.columns:
        assert is_taken(column.name)
        assert is_taken(column.name.upper())
    assert not is_taken("brightness")
