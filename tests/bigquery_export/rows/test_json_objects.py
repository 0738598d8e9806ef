"""JSON objects of the recorder's, as far as they are JSON."""

import json

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.bigquery_export.rows.json_objects import JsonObject, json_object
from tests.local_bigquery.values import json_fragment


@pytest.mark.parametrize(
    "text",
    ["{}", '{"a": 1}', '{"b":[1.10,{"c":null}]}', '{"n":18446744073709551616}', '{"e":"\\u00e9"}'],
)
def test_word_for_word(text: str) -> None:
    """What is JSON is sent as it is, digit by digit."""
    assert json_object(text) == JsonObject(text, orjson.loads(text))


@pytest.mark.parametrize(
    ("recorded", "sent"),
    [
        ('{"a":NaN,"b":1}', '{"a":null,"b":1}'),
        ('{"a":[Infinity,-Infinity]}', '{"a":[null,null]}'),
        ('{"a":1e400,"b":2.50}', '{"a":null,"b":2.5}'),
        ('{"a":-' + "9" * 5_000 + "}", '{"a":null}'),
        ('{"a":"\x01\t\n"}', '{"a":"\\u0001\\t\\n"}'),
        ('{"a":"\\ud800x","\\udfff":1}', '{"a":"\ufffdx","\ufffd":1}'),
        ('{"a":"\\ud83d\\ude00 \\ud83d"}', '{"a":"\U0001f600 \ufffd"}'),
        ('\ufeff{"a":1}', '{"a":1}'),
        ('{"a":1,"b":2,"a":3}', '{"a":3,"b":2}'),
        ('{"a":{"b":1,"b":2}}', '{"a":{"b":2}}'),
    ],
)
def test_repaired(recorded: str, sent: str) -> None:
    """What can mean only one thing is sent as that."""
    assert json_object(recorded) == JsonObject(sent, orjson.loads(sent), damaged=True)


@pytest.mark.parametrize(
    "recorded",
    [
        *(
            "",
            " ",
            "null",
            "[]",
            "[{}]",
            "1",
            '"a"',
            "{",
            '{"a":1',
            '{"a":"x',
            '{"a":1}}',
            "{'a':1}",
        ),
        *('{"a":1,}', '{"a":True}', '{"a":01}', "{a:1}", "NaN", '{"a":\\ud800}'),
        '{"a":' * 501 + "1" + "}" * 501,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"a":' + "[" * 600 + "NaN" + "]" * 600 + "}",
    ],
)
def test_lost(recorded: str) -> None:
    """What is no object, or could mean anything, is NULL."""
    assert json_object(recorded) == JsonObject(None, {}, damaged=True)


def test_as_deep_as_bigquery_takes_it() -> None:
    """An object of 500 levels is sent, also where some of it is repaired."""
    deep = '{"a":' * 500 + "1" + "}" * 500
    assert json_object(deep).text == deep
    assert json_object(deep.replace("1", "NaN")).text == deep.replace("1", "null")
    brackets = orjson.dumps({"a": "[" * 600}).decode()
    assert json_object(brackets).text == brackets


@given(
    st.one_of(
        st.text(),
        st.recursive(
            st.one_of(st.none(), st.floats(), st.integers(), st.text(st.characters())),
            lambda part: st.lists(part) | st.dictionaries(st.text(st.characters()), part),
        ).map(json.dumps),
        st.from_regex(r'\{"a":[\[\{"\\ud8N0-9eE.,:\]\}]*\}'),
    )
)
def test_always_taken(recorded: str) -> None:
    """Whatever the text is, what is sent is JSON that BigQuery takes, or NULL."""
    found = json_object(recorded)
    if found.text is not None:
        json_fragment(found.text)
        assert isinstance(orjson.loads(found.text), dict)
        found.text.encode()
