"""Reading the recorder's runs: when it was recording at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from homeassistant.components.recorder.db_schema import RecorderRuns
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope

from .reader import PIECE_ROWS, Anchor, SourceTable, TableReader

type RecorderRunRow = tuple[
    int,  # run_id
    datetime | None,  # start, in UTC where it has no time zone
    datetime | None,  # end
    bool | None,  # closed_incorrect
    datetime | None,  # created
]

RECORDER_RUNS = SourceTable(
    columns=(
        RecorderRuns.run_id,
        RecorderRuns.start,
        RecorderRuns.end,
        RecorderRuns.closed_incorrect,
        RecorderRuns.created,
    ),
    fingerprint=(RecorderRuns.start, RecorderRuns.created),
    times=(RecorderRuns.start,),
    # The end comes when Home Assistant stops, or, after a crash, when it starts again.
    final=RecorderRuns.end.is_not(None),
    purged_by=RecorderRuns.end,
)


@dataclass(frozen=True, slots=True)
class RecorderRunsPiece:
    """Up to 1,000 runs of the recorder."""

    rows: Sequence[RecorderRunRow]
    last: Anchor


class RecorderRunsReader(TableReader[RecorderRunRow]):
    """Reads the recorder's runs that have ended."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Make a reader."""
        super().__init__(hass, RECORDER_RUNS)

    def read(self, after: int, until: int, limit: int = PIECE_ROWS) -> RecorderRunsPiece | None:
        """Return the next runs with `after` < id <= `until`, or None when there are none."""
        with session_scope(hass=self._hass, read_only=True) as session:
            if not (rows := self._next_rows(session.connection(), after, until, limit)):
                return None
        return RecorderRunsPiece(rows, self._anchor(rows[-1]))
