"""All tables of the recorder that are exported: one declaration for each.

A declaration says how a table is read and encoded, whether it is exported by default, and whether
its rows are corrected. Its `SourceTable` says what the recorder deletes and how fast the table
grows, its `Table` how BigQuery stores it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from homeassistant.core import HomeAssistant

from ..rows.context import Choice, RowContext
from ..rows.encoding import Encoding
from ..rows.events import EVENTS
from ..rows.events_encoder import EventEncoder
from ..rows.plain_encoder import PlainEncoder
from ..rows.recorder_runs import RECORDER_RUNS
from ..rows.schema_changes import SCHEMA_CHANGES
from ..rows.sensor_data import SENSOR_DATA
from ..rows.state_encoder import StateEncoder
from ..rows.statistics import FIVE_MINUTES, HOUR, STATISTICS, STATISTICS_SHORT_TERM
from ..rows.statistics_encoder import StatisticsEncoder
from ..rows.statistics_runs import STATISTICS_RUNS
from ..rows.table import Table
from ..source import (
    events,
    recorder_runs,
    schema_changes,
    states,
    states_reader,
    statistics,
    statistics_runs,
)
from ..source.plain_reader import PlainReader
from ..source.source_table import SourceTable
from .ports import Encoder, Reader, Source

STATES_BY_COLUMN = True
"""Whether states are read and encoded column by column where the database can: the rows are the
same, and it is much quicker."""


@dataclass(frozen=True, slots=True)
class RecorderTable:
    """One table of the recorder, and the table in BigQuery that it is exported to."""

    table: Table
    source: SourceTable
    make_reader: Callable[[HomeAssistant, Choice], Reader[Any]] | None = None
    """None for a table whose rows refer to no other table."""
    make_encoder: Callable[[Encoding, RowContext], Encoder[Any]] | None = None
    """None for a table whose columns in BigQuery have the same names as the recorder's."""
    introduce: Callable[[Any, Any], None] = lambda reader, encoder: None
    """Tells the reader how to find out which texts the encoder lacks."""
    default: bool = True
    """Whether it is exported unless the user chooses."""
    corrected: bool = False
    """Whether Home Assistant changes rows later: digests of them are kept for each partition, and
    what differs is sent again. Only for tables of statistics."""

    def reader(self, hass: HomeAssistant, choice: Choice) -> Reader[Any]:
        """Return a reader for one run; nothing is read yet."""
        return (
            self.make_reader(hass, choice) if self.make_reader else PlainReader(hass, self.source)
        )

    def encoder(self, encoding: Encoding, run: RowContext) -> Encoder[Any]:
        """Return an encoder for one run."""
        if self.make_encoder:
            return self.make_encoder(encoding, run)
        return PlainEncoder(encoding, run, self.table, self.source)

    def open(self, hass: HomeAssistant, encoding: Encoding, run: RowContext) -> Source[Any]:
        """Return the source for one run; nothing is read yet."""
        reader, encoder = self.reader(hass, run.choice), self.encoder(encoding, run)
        self.introduce(reader, encoder)
        return Source(self.table, reader, encoder)


def _introduce_states(reader: states_reader.StatesReader, encoder: StateEncoder) -> None:
    """Let only those attributes be read that the encoder lacks, and columns instead of rows."""
    reader.bring_only(encoder.attributes.missing)
    if STATES_BY_COLUMN:
        reader.read_columns()


RECORDER_TABLES = {
    declared.table.name: declared
    for declared in (
        RecorderTable(
            SENSOR_DATA,
            states.STATES,
            lambda hass, choice: states_reader.StatesReader(
                hass, [context_entity.entity_id for context_entity in choice.context_entities]
            ),
            StateEncoder,
            _introduce_states,
        ),
        RecorderTable(
            STATISTICS,
            statistics.STATISTICS,
            lambda hass, _: statistics.StatisticsReader(hass, statistics.STATISTICS),
            lambda encoding, run: StatisticsEncoder(encoding, run, HOUR),
            corrected=True,
        ),
        RecorderTable(
            STATISTICS_SHORT_TERM,
            statistics.STATISTICS_SHORT_TERM,
            lambda hass, _: statistics.StatisticsReader(hass, statistics.STATISTICS_SHORT_TERM),
            lambda encoding, run: StatisticsEncoder(encoding, run, FIVE_MINUTES),
            default=False,  # They are computed from the states, which are exported.
            corrected=True,
        ),
        RecorderTable(
            EVENTS,
            events.EVENTS,
            lambda hass, choice: events.EventsReader(hass, choice.events.types),
            EventEncoder,
        ),
        RecorderTable(RECORDER_RUNS, recorder_runs.RECORDER_RUNS),
        RecorderTable(SCHEMA_CHANGES, schema_changes.SCHEMA_CHANGES, default=False),
        # 105,000 rows a year that say what `statistics_short_term` says.
        RecorderTable(STATISTICS_RUNS, statistics_runs.STATISTICS_RUNS, default=False),
    )
}
"""Declarations by the name of their table in BigQuery, in the order in which they are exported."""
