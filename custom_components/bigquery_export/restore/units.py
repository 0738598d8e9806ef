"""The units of hours that come back: those that the recorder has now."""

from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import UNIT_CLASS_TO_UNIT_CONVERTER

from ..bigquery.listed_statistics import StatisticMetadata
from ..home.unit_conversion import Convert, converter
from ..source.statistics import Statistic
from .versions import Hour


def unit_class_of(unit_class: str | None, unit: str | None) -> str | None:
    """Return a unit class if Home Assistant knows it, and the unit belongs to it."""
    units = UNIT_CLASS_TO_UNIT_CONVERTER.get(unit_class)
    return unit_class if units and unit in units.VALID_UNITS else None


def conversion(theirs: StatisticMetadata, ours: Statistic) -> Convert | None:
    """Return what converts a value of BigQuery into the recorder's unit, None if nothing need be.

    Raises ValueError where Home Assistant cannot convert it.
    """
    return converter(
        theirs.unit_of_measurement,
        ours.unit_of_measurement,
        ours.unit_class or theirs.unit_class,
    )


def converted(hour: Hour, convert: Convert) -> Hour:
    """Return an hour in another unit; the weight of a circular mean has none."""
    return hour._replace(
        mean=_convert(hour.mean, convert),
        min=_convert(hour.min, convert),
        max=_convert(hour.max, convert),
        state=_convert(hour.state, convert),
        sum=_convert(hour.sum, convert),
    )


def mean_type_of(name: str | None) -> StatisticMeanType:
    """Return the type of a mean by its name in BigQuery. Raises ValueError."""
    if name is None:
        return StatisticMeanType.NONE
    try:
        return StatisticMeanType[name.upper()]
    except KeyError:
        raise ValueError(f"{name} is not known") from None


def _convert(value: float | None, convert: Convert) -> float | None:
    return None if value is None else convert(value)
