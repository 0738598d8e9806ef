"""What recorders of homes have held that the recorder does not write: texts, types, JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math

from .kinds import Kind

type Value = str | int | float | bytes | None


class Text(bytes):
    """Bytes that SQLite takes for a text, whatever they are."""


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the recorder in which a value is odd."""

    table: str
    column: str
    exported: bool = True
    """Whether the row is exported in spite of it: events are by their type, which must be known."""

    def __str__(self) -> str:
        """Return it as SQL has it."""
        return f"{self.table}.{self.column}"


NOT_UTF8: Sequence[Text] = (
    Text(b"2\xe9"),
    Text("Küche".encode("latin-1")),
    Text(b"odd \xff\xfe"),
    Text(b"cut off \xe2\x82"),
    Text(b"a surrogate \xed\xa0\x80"),
)
_JSON_NOT_UTF8 = tuple(Text(b'{"name": "' + text + b'"}') for text in NOT_UTF8)
NO_JSON: Sequence[Value] = (
    *("", "null", "[1, 2]", '"text"', "7", "cut", '{"a": "b', '{"a": 1} {"b": 2}', "{'a': 1}"),
    *('{"a": NaN}', '{"a": -Infinity}', '{"a": 1e400}', '{"a": "\\ud800"}', '{"a": "\x01\n"}'),
    '{"a": ' + "[" * 3_000 + "]" * 3_000 + "}",
    b'{"a": 1}',
    b"\xff\x00",
)
_TIMES: Sequence[Value] = ("", "soon", b"\x00\x01", None, math.inf, -1e18, 1e300, 0.0)
_IDS: Sequence[Value] = ("abc", b"\x01", 1.5, -7, 1 << 62)
_CONTEXTS: Sequence[Value] = (b"\x01\x02\x03", b"", bytes(17), "text", 5, 1.5)

ODD: Mapping[Kind, Mapping[Place, Sequence[Value]]] = {
    Kind.TEXT: {
        Place("states", "state"): NOT_UTF8,
        Place("states", "attributes"): _JSON_NOT_UTF8,
        Place("state_attributes", "shared_attrs"): _JSON_NOT_UTF8,
        Place("states_meta", "entity_id"): tuple(
            Text(b"sensor.odd_%d_" + text) for text in NOT_UTF8
        ),
        Place("event_data", "shared_data"): _JSON_NOT_UTF8,
        Place("events", "event_data"): _JSON_NOT_UTF8,
        Place("events", "origin"): NOT_UTF8,
        Place("event_types", "event_type", exported=False): tuple(
            Text(b"odd_%d_" + text) for text in NOT_UTF8
        ),
    },
    Kind.VALUE: {
        Place("states", "state"): (b"\xff\x00", b"21.5", None, "x" * 100_000),
        Place("states", "attributes"): NO_JSON,
        Place("states", "last_updated_ts"): _TIMES,
        Place("states", "last_changed_ts"): _TIMES,
        Place("states", "attributes_id"): _IDS,
        Place("states", "metadata_id"): (*_IDS, None),
        Place("states", "context_id_bin"): _CONTEXTS,
        Place("states", "context_user_id_bin"): _CONTEXTS,
        Place("states", "context_parent_id_bin"): _CONTEXTS,
        Place("state_attributes", "shared_attrs"): NO_JSON,
        Place("events", "time_fired_ts"): _TIMES,
        Place("events", "data_id"): _IDS,
        Place("events", "event_data"): NO_JSON,
        Place("events", "origin_idx"): ("abc", b"\x01", 1.5, 77, -1, None),
        Place("events", "context_id_bin"): _CONTEXTS,
        Place("events", "context_user_id_bin"): _CONTEXTS,
        Place("events", "context_parent_id_bin"): _CONTEXTS,
        Place("events", "event_type_id", exported=False): (*_IDS, None),
        Place("event_data", "shared_data"): NO_JSON,
    },
}
"""By kind, the columns and the values. A `%d` is the number of the row."""
