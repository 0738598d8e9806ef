"""The file of `daily_statistics`: which days were sent, and the digests of the hours behind them.

    [all that is known] -> line -> commit -> line -> commit ... -> [all that is known]

A line is added before each commit. Like those of a snapshot (dimensions/snapshot_file.py) it has a
generation: it holds once the table's cursor has moved to that or a later one. Lines that did not
come to hold are taken out before others are added.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
import logging
from pathlib import Path
from typing import Any, NamedTuple, cast

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
import orjson

from ...const import DOMAIN
from ...rows.table import PartitionUnit
from ..corrections.digests import PERIODS, Digest, Digests
from ..corrections.sums import Known, known_from_json
from ..files import append_lines, replace_file
from ..positions import Position
from ..recent_commits import EVERYTHING

_LOGGER = logging.getLogger(__name__)
_VERSION = 1
HOURS_BY = PERIODS[PartitionUnit.MONTH]
"""Digests are of the hours of a month."""
_NEVER = float("-inf")


class Days(NamedTuple):
    """The days of a statistic that were sent, in seconds since 1970."""

    start: float
    """When the first of them began."""
    end: float
    """When the last of them ended."""


type Sent = tuple[Days | None, Mapping[int, Digest]]
"""The days of a statistic that were sent, and the digests of its hours by month."""


@dataclass(slots=True)
class SentDays:
    """The days that are in BigQuery."""

    days: dict[str, Days] = field(default_factory=dict)
    """By statistic_id."""
    hours: Digests = field(default_factory=lambda: Digests(HOURS_BY))
    """The hours that they were computed of, and perhaps later ones; of a statistic of which it is
    not known what was sent, digests that no hours have."""
    until: float = _NEVER
    """The end of the last day that was looked at, in seconds since 1970."""
    known: Known | None = None
    """What was known then of the recorder's hours."""
    generation: int = 0
    """The highest one in the file."""
    is_whole: bool = True
    """Whether all that the file has holds, so that lines can be added."""

    def put(self, statistic_id: str, days: Days | None, hours: Mapping[int, Digest]) -> None:
        """Replace what is known of a statistic."""
        self.hours.by_statistic.pop(statistic_id, None)
        for number, digest in hours.items():
            self.hours.put(statistic_id, number, digest)
        self.days.pop(statistic_id, None)
        if days:
            self.days[statistic_id] = days

    def put_all(self, statistics: Mapping[str, Sent]) -> None:
        """Replace what is known of statistics."""
        for statistic_id, (days, hours) in statistics.items():
            self.put(statistic_id, days, hours)

    def doubt(self, statistic_ids: Collection[str]) -> None:
        """Let all days of statistics be sent again."""
        for statistic_id in statistic_ids:
            for digest in self.hours.by_statistic.get(statistic_id, {}).values():
                digest.rows = 0
        if statistic_ids:
            self.until, self.is_whole = _NEVER, False

    def statistics(self) -> dict[str, Sent]:
        """Return all that is known, by statistic_id."""
        return {
            statistic_id: (
                self.days.get(statistic_id),
                self.hours.by_statistic.get(statistic_id, {}),
            )
            for statistic_id in {*self.days, *self.hours.by_statistic}
        }


class DailyFile:
    """Keeps what was sent in Home Assistant's .storage. Its methods block.

    It is of a database of the recorder, and of a time zone: the days of another database stay
    beside those of this one, and those of another time zone are replaced.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; it is made when the first day is sent."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.days.jsonl"))

    def load(self, database: str, zone: str, position: Position) -> SentDays:
        """Return what was sent of a database, as far as the table's position tells."""
        try:
            return self._load(database, zone, position)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as err:
            _LOGGER.warning("%s cannot be read, and all days are sent again: %r", self.path, err)
            return SentDays(is_whole=False)

    def _load(self, database: str, zone: str, position: Position) -> SentDays:
        sent = SentDays()
        in_doubt: set[str] = set()
        for line in self._lines():
            sent.generation = max(sent.generation, line["generation"])
            holds = line["generation"] <= position.cursor
            if not holds:
                sent.is_whole = False
                if line["generation"] > position.in_doubt_until:
                    continue  # It was not committed.
            if line["database"] != database:
                # What that one has sent of these may be newer.
                for statistic_id in line["statistics"]:
                    sent.put(statistic_id, None, {})
                sent.is_whole = False
                continue
            is_certain = holds and line["zone"] == zone
            for statistic_id, (ends, hours) in line["statistics"].items():
                days = Days(*ends) if ends else None
                if not holds:
                    days = _both(sent.days.get(statistic_id), days)
                digests = Digests.from_json(HOURS_BY, {statistic_id: hours})
                sent.put(statistic_id, days, digests.by_statistic.get(statistic_id, {}))
                (in_doubt.discard if is_certain else in_doubt.add)(statistic_id)
            if "until" in line:
                sent.until = _NEVER if line["until"] is None else line["until"]
                sent.known = _known(line)
        if position.in_doubt_until == EVERYTHING:
            in_doubt.update(sent.hours.by_statistic)
        sent.doubt(in_doubt)
        return sent

    def append(
        self, generation: int, database: str, zone: str, statistics: Mapping[str, Sent]
    ) -> None:
        """Add what will be known of some statistics; it is on the disk when this returns.

        Raises CheckpointUnwritableError.
        """
        append_lines(self.path, _text(_line(generation, database, zone, statistics)))

    def save(self, generation: int, database: str, zone: str, sent: SentDays) -> None:
        """Replace all lines by a single one. Raises CheckpointUnwritableError."""
        known = sent.known
        line = _line(generation, database, zone, sent.statistics()) | {
            "until": sent.until,
            "cursor": known.cursor if known else 0,
            "sums": known.as_json() if known else None,
        }
        replace_file(self.path, _text(line))
        sent.is_whole = True

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with open(self.path, "rb") as file:
                for text in file:
                    # A line that a crash has cut off is of a transaction that was not committed.
                    if (line := _parsed(text)) and line["version"] == _VERSION:
                        yield line
        except FileNotFoundError:
            return


def _line(
    generation: int, database: str, zone: str, statistics: Mapping[str, Sent]
) -> dict[str, Any]:
    digests = Digests(HOURS_BY)
    digests.by_statistic = {name: dict(hours) for name, (_, hours) in statistics.items()}
    hours = digests.as_json()
    return {
        "version": _VERSION,
        "generation": generation,
        "database": database,
        "zone": zone,
        "statistics": {
            name: [list(days or ()), hours.get(name, {})] for name, (days, _) in statistics.items()
        },
    }


def _text(line: Mapping[str, Any]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        return cast(dict[str, Any], orjson.loads(text))
    except ValueError:
        return None


def _known(line: Mapping[str, Any]) -> Known | None:
    """Return what was known of the hours in a line of all, apart from what is known later."""
    hours = {statistic_id: hours for statistic_id, (_, hours) in line["statistics"].items()}
    return known_from_json(line["sums"], line["cursor"], Digests.from_json(HOURS_BY, hours))


def _both(one: Days | None, other: Days | None) -> Days | None:
    if one and other:
        return Days(min(one.start, other.start), max(one.end, other.end))
    return one or other
