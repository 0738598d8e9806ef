"""Changes of JSON values: what they make, and that they are short."""

from typing import Any

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.bigquery_export.export.json_changes import changed, difference

VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda values: st.lists(values, max_size=5) | st.dictionaries(st.text("ab"), values),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_a_change_makes_one_value_of_another(before: Any, after: Any) -> None:
    """Whatever the two are, also where the change was written down in between."""
    copy = orjson.loads(orjson.dumps(before))
    change = orjson.loads(orjson.dumps(difference(before, after)))
    assert changed(before, change) == after
    assert before == copy


def test_changes_are_short() -> None:
    """Nothing of what is as it was is in them."""
    rows = [{"id": number, "fingerprint": "x" * 40} for number in range(32)]
    before = {"rows": rows, "intent": None, "old": 1, "same": {"a": "b"}}
    after = {"rows": [*rows[:4], *rows[5:], {"id": 32}], "intent": {"a": 1}, "same": {"a": "b"}}
    assert difference(before, after) == {
        "rows": ["array", [[0, 4], [5, 32], [{"id": 32}]]],
        "intent": [{"a": 1}],
        "old": [],
    }
    assert difference(before, before) == {}


@pytest.mark.parametrize("change", [1, ["array", [[]]], {"a": {}}, [1, 2]])
def test_what_is_no_change(change: Any) -> None:
    """It raises, and is not taken for another one."""
    with pytest.raises((ValueError, TypeError, AttributeError)):
        changed({"b": 1}, change)
