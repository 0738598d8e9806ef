"""Comparing the recorder with BigQuery for somebody who asks: one comparison at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..bigquery.connection import Connection
from ..errors import ExportError
from ..export.checkpoint import Checkpoint
from ..export.reconcile.verification import TableVerdict, Verification
from ..translation import translated, validation_error
from .factory import Exporter
from .requests import VerifyRequest


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison has found, by table."""

    tables: Mapping[str, TableVerdict]
    seconds: float


class Verifier:
    """Compares what one config entry has exported; exports may go on meanwhile."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, connection: Connection) -> None:
        """Prepare to compare with the destination of a connection."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._verification: Verification | None = None
        self._busy = False
        self._stopped = False

    async def async_verify(self, checkpoint: Checkpoint, wanted: VerifyRequest) -> Verdict:
        """Compare what the checkpoint says was exported.

        Raises ServiceValidationError while another comparison goes on, and HomeAssistantError
        when this one cannot go on.
        """
        if self._busy:
            raise validation_error("already_verifying")
        self._busy = True
        # It has registries of its own, which an export that ends meanwhile does not close.
        exporter = Exporter(self._hass, self._entry, self._connection, lambda _: None)
        try:
            self._verification = verification = await exporter.async_new_verification(
                checkpoint, wanted.tables, query=wanted.query
            )
            if self._stopped:
                verification.stop()
            compare = verification.async_size if wanted.dry_run else verification.async_compare
            return Verdict(await compare(wanted.days), verification.seconds)
        except ExportError as err:
            raise translated(HomeAssistantError, err) from err
        finally:
            # Whoever asked may have gone away; then a partition that is being read goes on.
            self._async_stop_current()
            exporter.async_end()
            self._busy = False

    @callback
    def async_stop(self) -> None:
        """Make a comparison end soon, and let no other one begin."""
        self._stopped = True
        self._async_stop_current()

    @callback
    def _async_stop_current(self) -> None:
        if self._verification:
            self._verification.stop()
            self._verification = None
