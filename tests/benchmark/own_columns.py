"""What ten own columns cost: the integration with them and without, in turns, on one database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
import gc
from pathlib import Path
from tempfile import TemporaryDirectory

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance

from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.entity_filter import Selection
from custom_components.bigquery_export.rows.own_columns import OwnColumn
from custom_components.bigquery_export.rows.table import ColumnType

from .contest import Measured, compete
from .histories import ENTITIES
from .integration import Integration
from .memory_home import home_with, row_context_of
from .spread import Spread


def _column(name: str, type_: ColumnType, attribute: str, domain: str) -> OwnColumn:
    """Return a column of an attribute, or of the state, of the entities of a domain."""
    return OwnColumn(name, type_, attribute, selection=Selection(domains=(domain,)))


_SELECTED = (
    _column("own_brightness", ColumnType.INT64, "brightness", "light"),
    _column("own_hue", ColumnType.FLOAT64, "hs_color.0", "light"),
    _column("own_measured", ColumnType.FLOAT64, "current_temperature", "climate"),
    _column("own_target", ColumnType.FLOAT64, "temperature", "climate"),
    _column("own_action", ColumnType.STRING, "hvac_action", "climate"),
    _column("own_battery", ColumnType.INT64, "battery_level", "device_tracker"),
    _column("own_elevation", ColumnType.FLOAT64, "elevation", "sun"),
    _column("own_rising", ColumnType.BOOL, "rising", "sun"),
    _column("own_title", ColumnType.STRING, "media_title", "media_player"),
    _column("own_motion", ColumnType.BOOL, "", "binary_sensor"),
)
_FOR_ALL = tuple(
    replace(column, selection=Selection()) if column.attribute else column for column in _SELECTED
)
CHOICES: Mapping[str, Sequence[OwnColumn]] = {
    "none": (),
    "ten, each for some entities": _SELECTED,
    "ten, nine for all entities": _FOR_ALL,
}


@dataclass(frozen=True, slots=True)
class OwnColumnsCost:
    """What rows took with own columns and without."""

    rows: int
    measured: Mapping[str, Measured]
    """By the name of the choice and the delivery."""

    def added(self, delivery: str, choice: str) -> Spread:
        """Return what a choice adds to the processor's time, as shares, one a repetition."""
        without, *_ = CHOICES
        before = self.measured[named(without, delivery)].repetitions()
        after = self.measured[named(choice, delivery)].repetitions()
        return Spread.of(now / then - 1 for now, then in zip(after, before, strict=True))


def named(choice: str, delivery: str) -> str:
    """Return the name of a competitor."""
    return f"{delivery}, {choice}"


async def measure_own_columns(
    folder: Path, url: str, rows: int, repetitions: int, deliveries: Sequence[str]
) -> OwnColumnsCost:
    """Let the integration take all rows with each choice, in turns."""
    with TemporaryDirectory(dir=folder) as own:
        async with home_with(Path(own), url, ENTITIES) as hass:
            row_context = await row_context_of(hass)
            competitors = list(_competitors(hass, row_context, deliveries))
            gc.collect()
            gc.freeze()  # as measure_pipelines does
            try:
                measured = await get_instance(hass).async_add_executor_job(
                    partial(compete, competitors, rows, repetitions)
                )
            finally:
                gc.unfreeze()
                row_context.registry.async_close()  # type: ignore[attr-defined]
    return OwnColumnsCost(rows, measured)


def _competitors(
    hass: HomeAssistant, row_context: RowContext, deliveries: Sequence[str]
) -> Iterator[Integration]:
    for delivery in deliveries:
        for name, columns in CHOICES.items():
            choice = replace(row_context.choice, own_columns=tuple(columns))
            yield Integration(
                hass, replace(row_context, choice=choice), delivery, label=named(name, delivery)
            )
