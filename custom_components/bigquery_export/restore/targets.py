"""The statistics of the recorder that hours are imported into."""

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant

from ..bigquery.listed_statistics import StatisticMetadata
from ..source.statistics import Statistic
from .names import source_of
from .units import mean_type_of, unit_class_of


def statistic_for(
    hass: HomeAssistant, statistic_id: str, theirs: StatisticMetadata, ours: Statistic | None
) -> Statistic:
    """Return a statistic as it is to be in the recorder: with the unit that it has there.

    One that the recorder does not have gets the unit of its entity, if BigQuery's can be converted
    into it, and else BigQuery's. Raises ValueError where BigQuery's type of mean is not known.
    """
    mean_type = mean_type_of(theirs.mean_type)
    if ours is not None:
        return ours._replace(
            has_sum=bool(ours.has_sum or theirs.has_sum),
            mean_type=ours.mean_type or mean_type.value,
            unit_class=unit_class_of(ours.unit_class, ours.unit_of_measurement),
        )
    unit = theirs.unit_of_measurement
    unit_class = unit_class_of(theirs.unit_class, unit)
    state = hass.states.get(statistic_id)
    current = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT) if state else None
    if unit_class and unit_class_of(unit_class, current):
        unit = current
    return Statistic(
        statistic_id,
        source_of(statistic_id),
        unit,
        unit_class,
        bool(theirs.has_sum),
        theirs.name,
        mean_type.value,
    )
