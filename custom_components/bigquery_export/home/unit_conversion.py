"""Home Assistant's units: converting values of statistics from one into another."""

from collections.abc import Callable

from homeassistant.components.recorder.statistics import UNIT_CLASS_TO_UNIT_CONVERTER

type Convert = Callable[[float], float]


def converter(before: str | None, after: str | None, unit_class: str | None) -> Convert | None:
    """Return what converts a value from one unit into another, None if nothing need be.

    Raises ValueError where Home Assistant cannot convert it.
    """
    if before == after:
        return None
    units = UNIT_CLASS_TO_UNIT_CONVERTER.get(unit_class)
    if units is None or not {before, after} <= units.VALID_UNITS:
        raise ValueError(f"{before} cannot be converted into {after}")
    return units.converter_factory(before, after)
