"""Tests of what is done when an export fails."""

from random import Random
from unittest.mock import AsyncMock, Mock

import pytest

from .destination import HOUR
from .exports import ATTEMPTS, ROWS_NOT_LISTED, Exports
from .machine import ANOTHER_EXPORT


def failing(*refusals: str) -> Mock:
    """Return a machine whose exports fail for these reasons, and then export three rows."""
    machine = Mock(refusal=None)
    reasons = [*refusals, *[None] * ATTEMPTS]

    async def export() -> int | None:
        machine.refusal = reasons.pop(0)
        return None if machine.refusal else 3

    machine.export = AsyncMock(side_effect=export)
    machine.take_over = AsyncMock(return_value=True)
    return machine


def exports_of(destination: Mock, chance: float = 0.0) -> Exports:
    """Return exports for which chance always says the same."""
    random = Mock(Random)
    random.random.return_value = chance
    return Exports(destination, random, Mock())


async def test_time_passes_until_rows_are_listed() -> None:
    """An hour passes before each other attempt, but not for ever."""
    destination = Mock()
    exports = exports_of(destination)
    assert await exports.once(failing(*[ROWS_NOT_LISTED] * 2)) == 3
    assert [call.args for call in destination.move_clock.call_args_list] == [(HOUR,)] * 2
    assert exports.waits == 2
    assert await exports.once(failing(*[ROWS_NOT_LISTED] * ATTEMPTS)) is None


@pytest.mark.parametrize(
    ("chance", "insist", "rows"), [(0.1, False, 3), (0.9, False, None), (0.9, True, 3)]
)
async def test_a_machine_takes_over_or_stays_stopped(
    chance: float, insist: bool, rows: int | None
) -> None:
    """Chance decides, unless it has the last word."""
    exports = exports_of(Mock(), chance)
    machine = failing(ANOTHER_EXPORT)
    assert await exports.once(machine, insist=insist) == rows
    assert machine.take_over.await_count == exports.take_overs == (rows is not None)


async def test_other_failures_stay() -> None:
    """They are what the torture is for."""
    assert await exports_of(Mock()).once(failing("unreachable")) is None
