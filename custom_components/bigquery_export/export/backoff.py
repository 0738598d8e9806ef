"""How long to wait before an export is tried again."""

from random import uniform

_BASE = 60.0
_CAP = 6 * 60 * 60.0
"""The longest wait in seconds, after which a home whose network is back exports again."""


def delay(failures: int, retry_after: float | None) -> float:
    """Return seconds to wait after so many failures in a row, 1 for the first.

    Exponential, with full jitter, so that homes that lost the network together do not retry
    together; never shorter than Google asks for.
    """
    longest = min(_CAP, _BASE * 2 ** min(failures, 16))
    return max(uniform(0, longest), min(retry_after or 0, _CAP))  # noqa: S311 (no secret)
