"""Rows as newline-delimited JSON."""

from datetime import UTC, datetime, timedelta
import json
import math
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
import orjson
import pytest

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.rows.local_time import DAY
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import timestamp
from tests.bigquery_export.support.all_types import TABLE, VALUES

FIRST = timestamp(datetime(1, 1, 1, tzinfo=UTC))
LAST = timestamp(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)
JSON_TEXT = st.builds(
    lambda value, indent: json.dumps(value, indent=indent), JSON, st.none() | st.just(2)
)
ROWS = st.fixed_dictionaries(
    {"required": TEXT, "string": TEXT},
    optional={
        "bool": st.booleans(),
        "date": st.integers(FIRST // DAY, LAST // DAY),
        "datetime": st.datetimes(min_value=datetime(1, 1, 1)).map(
            lambda time: time.isoformat(" ", "microseconds")
        ),
        "float64": st.floats(allow_nan=False, allow_infinity=False),
        "int64": st.integers(-(2**63), 2**63 - 1),
        "json": JSON_TEXT,
        "timestamp": st.integers(FIRST, LAST),
        "many": st.lists(TEXT, min_size=1),
    },
)
ORDERS = st.lists(
    st.sampled_from([column.name for column in TABLE.columns]), min_size=1, unique=True
)
ENCODING = NdjsonEncoding(TABLE)
# Home Assistant's fixtures, which every test here has, are made once for all examples.
generated = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def comparable(values: dict[str, Any]) -> dict[str, Any]:
    """Return values of which JSON text is compared by what it says."""
    return {name: json.loads(value) if name == "json" else value for name, value in values.items()}


@generated
@given(ROWS)
def test_round_trip(values: dict[str, Any]) -> None:
    """A row is one line of JSON, and has in the end the values that it was given."""
    row = ENCODING.row(ENCODING.fragment(values))
    assert b"\n" not in row
    assert b"\r" not in row
    assert set(json.loads(row)) == set(values)
    decoded = ENCODING.decode(row)
    assert comparable(decoded) == comparable(values)
    assert ENCODING.row(ENCODING.fragment(decoded)) == row


@generated
@given(ROWS)
def test_fragments_make_a_row(values: dict[str, Any]) -> None:
    """A row put together from fragments is the same as one that was encoded at once."""
    fragments = [ENCODING.fragment({name: value}) for name, value in values.items()]
    row = ENCODING.row(b"", *fragments, b"")
    assert row == ENCODING.row(ENCODING.fragment(values))


@generated
@given(st.lists(ROWS, min_size=1, max_size=5), ORDERS)
def test_many_rows(rows: list[dict[str, Any]], order: list[str]) -> None:
    """Many rows have the values that each has alone, whatever some of them lack."""
    fragments = [
        [ENCODING.fragment({name: row[name]} if name in row else {}) for row in rows]
        for name in order
    ]
    alone = map(ENCODING.row, *fragments, strict=True)
    together = ENCODING.rows(*fragments)
    assert list(map(ENCODING.decode, together)) == list(map(ENCODING.decode, alone))


def test_rows_in_order() -> None:
    """Fragments are in the order of the columns, less those that a row lacks."""
    assert ENCODING.rows(
        [b'"a":1', b'"a":1', b'"a":2'],
        [b'"b":1', b'"b":2', b'"b":3'],
        [b"", b'"c":2', b""],
        [b"", b'"d":2', b'"d":3'],
    ) == [b'{"a":1,"b":1}', b'{"a":1,"b":2,"c":2,"d":2}', b'{"a":2,"b":3,"d":3}']
    assert ENCODING.rows([b'"a":1', b""], [b"", b""]) == [b'{"a":1}', b"{}"]


@generated
@given(st.integers(FIRST, LAST))
def test_timestamp(time: int) -> None:
    """A TIMESTAMP is text in UTC with dashes and four digits for the year, exact to the end."""
    text = orjson.loads(b"{%b}" % ENCODING.fragment({"timestamp": time}))["timestamp"]
    assert text[4] == text[7] == "-"
    assert text[10] == "T"
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=time
    )


def test_date() -> None:
    """A DATE is text, of whatever year that BigQuery has."""
    days = (FIRST // DAY, -1, LAST // DAY)
    assert [orjson.loads(b"{%b}" % ENCODING.fragment({"date": day}))["date"] for day in days] == [
        *("0001-01-01", "1969-12-31", "9999-12-31")
    ]


def test_same_values_as_protobuf() -> None:
    """Both encodings take the same values."""
    assert ENCODING.decode(ENCODING.row(ENCODING.fragment(VALUES))) == VALUES


def test_null_is_left_out() -> None:
    """False, zero and empty text are sent; NULL and an empty list are not."""
    nothing = {"bool": None, "string": None, "json": None, "many": None}
    assert ENCODING.fragment(nothing) == b""
    assert ENCODING.fragment({}) == b""
    assert ENCODING.fragment({"many": []}) == b""
    assert ENCODING.row(b"") == b"{}"
    assert ENCODING.decode(b"{}") == {}
    assert ENCODING.fragment({"bool": False, "int64": 0, "string": ""}) == (
        b'"bool":false,"int64":0,"string":""'
    )
    # The same names with other types, which the encoding has met before.
    assert ENCODING.fragment({"bool": None, "int64": 0, "string": ""}) == b'"int64":0,"string":""'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**53 - 1, b"9007199254740991"),
        (2**53, b'"9007199254740992"'),
        (-(2**53), b'"-9007199254740992"'),
        (2**63 - 1, b'"9223372036854775807"'),
    ],
)
def test_long_integers_are_text(value: int, text: bytes) -> None:
    """An integer that other readers of JSON would round is written as text."""
    assert ENCODING.fragment({"int64": value}) == b'"int64":' + text


def test_json_is_the_value_itself() -> None:
    """JSON text is put in as it is, in one line, and no number in it loses a digit."""
    text = '{\r\n  "a": 123456789012345678901234567890.10,\n  "b": "\\n"\n}\n'
    row = ENCODING.row(ENCODING.fragment({"json": text, "string": "x"}))
    assert b'"json":{' in row
    assert b"\n" not in row
    assert b"123456789012345678901234567890.10" in row
    assert "123456789012345678901234567890.10" in ENCODING.decode(row)["json"]
    assert ENCODING.decode(row)["string"] == "x"


def test_deep_json() -> None:
    """JSON that is deeper than BigQuery takes is for BigQuery to refuse."""
    text = "[" * 600 + "]" * 600
    assert ENCODING.decode(ENCODING.row(ENCODING.fragment({"json": text}))) == {"json": text}


@pytest.mark.parametrize(
    "values",
    [
        {"float64": math.nan},
        {"float64": math.inf},
        {"int64": 2**63},
        {"int64": -(2**63) - 1},
        {"int64": True},
        {"int64": 1.5},
        {"date": FIRST // DAY - 1},
        {"date": LAST // DAY + 1},
        {"date": 2**80},
        {"date": "2026-11-21"},
        {"timestamp": FIRST - 1},
        {"timestamp": LAST + 1},
        {"timestamp": 2**80},
        {"timestamp": "2026-11-21"},
        {"string": "\ud800"},
        {"string": 3},
        {"string": b"x"},
        {"many": ["a", "\udfff"]},
        {"many": ["a", None]},
        {"many": "ab"},
        {"json": "{"},
        {"json": ""},
        {"json": "NaN"},
        {"json": '{"a":1}\n{"b":2}'},
        {"json": '"\ud800"'},
        {"json": {"a": 1}},
        {"bool": 1},
        {"no_such_column": 1},
        {"no_such_column": None},
    ],
    ids=repr,
)
def test_what_cannot_be_encoded(values: dict[str, Any]) -> None:
    """What no row can have is an error of the value, and never another value."""
    for _ in range(2):
        with pytest.raises(ValueError, match=r"\w"):
            ENCODING.fragment(values)


@pytest.mark.parametrize(
    "row",
    [b"", b"[]", b"{", b'{"string":"a"', b'{"string":}', b'{"other":1}', b"\xff", b'{"int64":"x"}'],
)
def test_what_cannot_be_decoded(row: bytes) -> None:
    """What is no row of the table is an error of the value."""
    with pytest.raises(ValueError, match=r"\w"):
        ENCODING.decode(row)


def test_shapes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of combinations of types does not grow without a bound."""
    monkeypatch.setattr("custom_components.bigquery_export.bigquery.ndjson._MAX_PLANS", 3)
    encoding = NdjsonEncoding(SENSOR_DATA)
    for name in ("state", "context_id", "domain", "area_id", "floor_id"):
        assert encoding.fragment({name: "x"}) == b'"%b":"x"' % name.encode()
    assert len(encoding._plans) <= 3
