"""How long to wait before an export is tried again."""

from random import uniform

_BASE = 60.0
_CAP = 6 * 60 * 60.0
"""Seconds; within them a home whose network is back has its export back, too."""


def delay(failures: int, retry_after: float | None) -> float:
    """Return seconds to wait after so many failures in a row, 1 for the first.

    Exponential, with full jitter, so that homes that were cut off together do not come back
    together; never shorter than Google asks for.
    """
    longest = min(_CAP, _BASE * 2 ** min(failures, 16))
    return max(uniform(0, longest), min(retry_after or 0, _CAP))  # noqa: S311 (no secret)
