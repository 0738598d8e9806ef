"""How the states of made-up entities go on: by the time of day, upwards only, in turn."""

from collections.abc import Callable
import math
from random import Random

type NextState = Callable[[float, Random], str]
"""The state at a time (epoch seconds); called in the order of time."""

DAY = 86_400.0
WARMEST_HOUR = 15

# What real sensors have shown. Most look like a number to some parser and not to another.
ODD_STATES = (
    "",
    "first line\nsecond line",
    "x" * 255,
    "🌡️ 21 °C ✓",
    "He said \"no\" and left \\ 'again'",
    "<script>alert(1)</script>",
    "nan",
    "inf",
    "-Infinity",
    "1_000",
    "1,5",
    "1e3",
    "1e400",
    "-0",
    "007",
    ".5",
    "0x1F",
    "True",
    "null",
    "12.345678901234567",
    "9007199254740993",
)


def daily(mean: float, swing: float, noise: float, digits: int = 1) -> NextState:
    """Return numbers that rise and fall with the time of day."""

    def next_state(timestamp: float, random: Random) -> str:
        angle = 2 * math.pi * (timestamp / DAY - (WARMEST_HOUR - 6) / 24)
        return f"{mean + swing * math.sin(angle) + noise * (random.random() - 0.5):.{digits}f}"

    return next_state


def meter(step: float) -> NextState:
    """Return numbers that only ever grow."""
    total = 0.0

    def next_state(timestamp: float, random: Random) -> str:
        nonlocal total
        total += step * random.random()
        return f"{total:.3f}"

    return next_state


def cycle(*states: str) -> NextState:
    """Return the states in turn, over and over."""
    position = -1

    def next_state(timestamp: float, random: Random) -> str:
        nonlocal position
        position = (position + 1) % len(states)
        return states[position]

    return next_state


def seldom(*states: str, chance: float = 0.1) -> NextState:
    """Return one state for long, so that most changes are of attributes only."""
    current = states[0]

    def next_state(timestamp: float, random: Random) -> str:
        nonlocal current
        if random.random() < chance:
            current = random.choice(states)
        return current

    return next_state
