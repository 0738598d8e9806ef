"""What a loaded config entry consists of."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry

from ..coordinator import BigQueryExportCoordinator
from ..query.after_exports import AfterExports
from ..runner.runner import Runner
from .scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class RuntimeData:
    """What a loaded config entry consists of: what begins, what is shown, and what runs."""

    scheduler: Scheduler
    coordinator: BigQueryExportCoordinator
    runner: Runner
    after_exports: AfterExports


type BigQueryExportConfigEntry = ConfigEntry[RuntimeData]
