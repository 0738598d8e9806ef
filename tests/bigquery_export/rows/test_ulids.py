"""ULIDs are those of Home Assistant, whichever way they are made."""

from collections.abc import Callable, Sequence

from homeassistant.util.ulid import bytes_to_ulid
from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.rows import ulids as module
from custom_components.bigquery_export.rows.ulids import ulids

CONTEXTS = st.lists(st.binary(min_size=16, max_size=16))


@pytest.mark.parametrize("convert", [module._convert_together, module._convert_each])
@given(contexts=CONTEXTS)
def test_as_home_assistant_has_them(
    convert: Callable[[Sequence[bytes]], list[str]],
    contexts: list[bytes],
) -> None:
    """Together they are what each is alone."""
    assert convert(contexts) == list(map(bytes_to_ulid, contexts))


def test_each_bit() -> None:
    """Every bit is in its place."""
    contexts = [(1 << bit).to_bytes(16) for bit in range(128)]
    assert module._convert_together(contexts) == list(map(bytes_to_ulid, contexts))


@given(st.lists(st.one_of(st.none(), st.binary(max_size=20), st.binary(min_size=16, max_size=16))))
def test_what_is_none(contexts: list[bytes | None]) -> None:
    """What has not 16 bytes is none, and does not disturb the others."""
    assert ulids(contexts) == [
        bytes_to_ulid(context) if context is not None and len(context) == 16 else None
        for context in contexts
    ]
