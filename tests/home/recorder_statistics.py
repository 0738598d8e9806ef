"""The rows of a recorder's statistics tables, for a made-up home."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import math
from random import Random

from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import STATISTIC_UNIT_TO_UNIT_CONVERTER

from .entities import Entity
from .recorder_states import Row
from .states import DAY

STATISTICS_META_COLUMNS = (
    "id",
    "statistic_id",
    "source",
    "unit_of_measurement",
    "unit_class",
    "has_mean",
    "has_sum",
    "name",
    "mean_type",
)
STATISTICS_COLUMNS = (
    "id",
    "created_ts",
    "metadata_id",
    "start_ts",
    "mean",
    "mean_weight",
    "min",
    "max",
    "state",
    "sum",
)

HOUR = 3_600
FIVE_MINUTES = 300

_MEAN_TYPES = {
    "measurement": StatisticMeanType.ARITHMETIC,
    "measurement_angle": StatisticMeanType.CIRCULAR,
    "total_increasing": StatisticMeanType.NONE,
}


@dataclass(frozen=True, slots=True)
class Statistic:
    """A row of statistics_meta."""

    statistic_id: str
    source: str
    unit: str
    mean_type: StatisticMeanType
    name: str | None = None

    def meta_row(self, metadata_id: int) -> Row:
        """Return it as a row."""
        converter = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(self.unit)
        has_mean = self.mean_type is not StatisticMeanType.NONE
        return (
            metadata_id,
            self.statistic_id,
            self.source,
            self.unit,
            converter and converter.UNIT_CLASS,
            has_mean,
            not has_mean,
            self.name,
            int(self.mean_type),
        )

    def values(self, timestamp: float, duration: int, random: Random) -> Row:
        """Return mean, mean_weight, min, max, state and sum of one period."""
        if self.mean_type is StatisticMeanType.NONE:
            total = timestamp / HOUR % 10_000 + random.random() * duration / HOUR
            return None, None, None, None, 1_000 + total, total
        mean = 20 + 5 * math.sin(timestamp / DAY * 2 * math.pi) + random.random()
        if self.mean_type is StatisticMeanType.CIRCULAR:
            return mean, random.random(), None, None, None, None
        return mean, None, mean - random.random(), mean + random.random(), None, None


EXTERNAL = Statistic(
    "energy_provider:cost", "energy_provider", "EUR", StatisticMeanType.NONE, "Stromkosten"
)


def make_statistics(entities: Sequence[Entity]) -> list[Statistic]:
    """Return what the recorder would keep statistics of, and a statistic of another source."""
    kept = [
        Statistic(
            entity.entity_id,
            "recorder",
            attributes["unit_of_measurement"],
            _MEAN_TYPES[attributes["state_class"]],
        )
        for entity in entities
        if "state_class" in (attributes := entity.attributes[0])
    ]
    return [*kept, EXTERNAL]


def statistics_rows(
    statistics: Sequence[Statistic], duration: int, start: float, end: float, random: Random
) -> Iterator[Row]:
    """Yield a row of each statistic for each whole period, in the order of time."""
    row_id = 0
    for period in range(math.ceil(start / duration), math.floor(end / duration)):
        timestamp = float(period * duration)
        created = timestamp + duration + 10 + random.random()
        for metadata_id, statistic in enumerate(statistics, 1):
            row_id += 1
            values = statistic.values(timestamp, duration, random)
            yield row_id, created, metadata_id, timestamp, *values
