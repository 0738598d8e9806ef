"""The rows of a month in BigQuery: which of them are valid, and in how little memory."""

from collections.abc import Iterator

import pytest

from custom_components.bigquery_export.bigquery.listed_statistics import (
    HourVersion,
    StatisticMetadata,
)
from custom_components.bigquery_export.restore import versions
from custom_components.bigquery_export.restore.versions import month_rows

_METADATA = StatisticMetadata("recorder", None, "kWh", "energy", None, True)
_HOUR = 3_600_000_000
_NAMES = [f"sensor.meter_{number}" for number in range(9)]


def version(name: str, hour: int, exported: int = 1, *, sum_: float = 0.0) -> HourVersion:
    """Return an hour as it was exported at some time."""
    return HourVersion(
        name,
        start=hour * _HOUR,
        end=(hour + 1) * _HOUR,
        exported=exported,
        id=hour,
        deletes=False,
        metadata=_METADATA,
        mean=None,
        mean_weight=None,
        min=None,
        max=None,
        last_reset=None,
        state=None,
        sum=sum_,
    )


def rows() -> Iterator[HourVersion]:
    """Yield ten hours of each statistic, hour by hour; the last two of each were deleted later."""
    for hour in range(10):
        yield from (version(name, hour, sum_=hour) for name in _NAMES)
    for name in reversed(_NAMES):
        yield version(name, 8, exported=2)._replace(deletes=True, end=10 * _HOUR)


@pytest.mark.parametrize("most", [10, 25, 60, 1_000])
def test_more_rows_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A month is read as often as it takes, each statistic is whole, and comes once."""
    monkeypatch.setattr(versions, "MAX_ROWS", most)
    found: dict[str, list[float]] = {}
    after, readings = "", 0
    while True:
        some = month_rows(rows(), after)
        readings += 1
        assert sum(len(some.hours(name)) for name in some.names) <= max(most, 10)
        for name in some.names:
            assert name not in found
            found[name] = [hour.sum or 0 for hour in some.hours(name)]
        if some.until is None:
            break
        after = some.until
    assert found == {name: [float(hour) for hour in range(8)] for name in _NAMES}
    assert (readings == 1) == (most == 1_000)


def test_valid_hours() -> None:
    """It is what was exported last, unless it was deleted later."""
    (name,) = _NAMES[:1]
    found = month_rows(
        [
            version(name, 2, 3, sum_=3),
            version(name, 2, 1, sum_=1),
            version(name, 1, 4, sum_=4),
            version(name, 3, 4),
            version(name, 1, 3)._replace(deletes=True, end=2 * _HOUR),
            version(name, 3, 5)._replace(deletes=True, end=4 * _HOUR),
        ]
    )
    assert [(hour.start, hour.sum) for hour in found.hours(name)] == [(3_600, 4), (7_200, 3)]
