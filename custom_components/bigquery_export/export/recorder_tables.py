"""All sources: a declaration for each table of the recorder that is exported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from homeassistant.components.recorder.db_schema import Statistics, StatisticsShortTerm
from homeassistant.core import HomeAssistant

from ..rows.context import Choice, RowContext
from ..rows.encoding import Encoding
from ..rows.events import EVENTS
from ..rows.events_encoder import EventEncoder
from ..rows.recorder_runs import RECORDER_RUNS
from ..rows.recorder_runs_encoder import RecorderRunsEncoder
from ..rows.sensor_data import SENSOR_DATA
from ..rows.state_encoder import StateEncoder
from ..rows.statistics import FIVE_MINUTES, HOUR, STATISTICS, STATISTICS_SHORT_TERM
from ..rows.statistics_encoder import StatisticsEncoder
from ..rows.table import Table
from ..source.events import EventsReader
from ..source.recorder_runs import RecorderRunsReader
from ..source.states import StatesReader
from ..source.statistics import StatisticsReader
from .ports import Encoder, Reader, Source


@dataclass(frozen=True, slots=True)
class RecorderTable:
    """How the source of one table is made."""

    table: Table
    reader: Callable[[HomeAssistant, Choice], Reader[Any]]
    encoder: Callable[[Encoding, RowContext], Encoder[Any]]
    introduce: Callable[[Any, Any], None] = lambda reader, encoder: None
    """Lets the reader know how to ask the encoder what that lacks."""

    def open(self, hass: HomeAssistant, encoding: Encoding, run: RowContext) -> Source[Any]:
        """Return the source for one run; nothing is read yet."""
        reader, encoder = self.reader(hass, run.choice), self.encoder(encoding, run)
        self.introduce(reader, encoder)
        return Source(self.table, reader, encoder)


RECORDER_TABLES = {
    source.table.name: source
    for source in (
        RecorderTable(
            SENSOR_DATA,
            lambda hass, choice: StatesReader(
                hass, [context_entity.entity_id for context_entity in choice.context_entities]
            ),
            StateEncoder,
            lambda reader, encoder: reader.bring_only(encoder.attributes.missing),
        ),
        RecorderTable(
            STATISTICS,
            lambda hass, _: StatisticsReader(hass, Statistics),
            lambda encoding, run: StatisticsEncoder(encoding, run, HOUR),
        ),
        RecorderTable(
            STATISTICS_SHORT_TERM,
            lambda hass, _: StatisticsReader(hass, StatisticsShortTerm),
            lambda encoding, run: StatisticsEncoder(encoding, run, FIVE_MINUTES),
        ),
        RecorderTable(
            EVENTS, lambda hass, choice: EventsReader(hass, choice.events.types), EventEncoder
        ),
        RecorderTable(RECORDER_RUNS, lambda hass, _: RecorderRunsReader(hass), RecorderRunsEncoder),
    )
}
"""Sources by the name of their table, in the order in which they are exported."""
