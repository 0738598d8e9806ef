"""The column `ambient`: the states of the context entities at the time of a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson

from .columns import Values
from .sensor_data import is_available, state_numeric

_EXACT_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class ContextEntity:
    """An entity whose state is exported with each row, and its name in `ambient`."""

    entity_id: str
    name: str


def ambient_values(names: Sequence[str], states: Sequence[str | None]) -> Values:
    """Return the values that all rows with the same states of the context entities share."""
    values = dict(zip(names, map(ambient_value, states), strict=True))
    return {"ambient": orjson.dumps(values).decode()}


@lru_cache(1_000)  # One context entity changes at a time; the others were computed before.
def ambient_value(state: str | None) -> float | str | None:
    """Return a state as JSON has it: a number if it is one, and None if it says nothing."""
    if not is_available(state):
        return None
    number = state_numeric(state)
    if number is None:
        return state
    whole = number.is_integer() and abs(number) < _EXACT_INTEGER
    return int(number) if whole else number
