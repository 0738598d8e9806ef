"""Comparing the recorder with BigQuery: one comparison at a time, also while exports run."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..bigquery.connection import Connection
from ..bigquery.row_count_query import RowCountQuery
from ..bigquery.row_lookup import RowLookup
from ..errors import ExportError
from ..export.journal import Journal
from ..export.reconcile.verification import TableVerdict, Verification
from ..translation import translated, validation_error
from .factory import JobFactory
from .requests import VerifyRequest


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a comparison, by table."""

    tables: Mapping[str, TableVerdict]
    seconds: float


class Verifier:
    """Compares what one config entry has exported; exports may run meanwhile."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, connection: Connection, journal: Journal
    ) -> None:
        """Prepare to compare what the journal says was exported with a connection's destination."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._journal = journal
        self._verification: Verification | None = None
        self._busy = False
        self._stopped = False

    async def async_verify(self, wanted: VerifyRequest) -> Verdict:
        """Compare what was exported so far.

        Raises ServiceValidationError while another comparison is running, and HomeAssistantError
        when this one cannot continue.
        """
        if self._busy:
            raise validation_error("already_verifying")
        self._busy = True
        # It has registries of its own, which an export that ends meanwhile does not close.
        lookup = partial(RowLookup, self._connection)
        jobs = JobFactory(self._hass, self._entry, lookup, self._journal)
        try:
            self._verification = verification = await jobs.async_new_verification(
                wanted, partial(RowCountQuery, self._connection)
            )
            if self._stopped:
                verification.stop()
            result = await verification.async_run()
            return Verdict(verification.verdicts, result.seconds)
        except ExportError as err:
            raise translated(HomeAssistantError, err) from err
        finally:
            # The caller may be cancelled while a partition is being read: that has to end, too.
            self._async_stop_current()
            jobs.async_close_registries()  # Live exports go on with the streams.
            self._busy = False

    @callback
    def async_stop(self) -> None:
        """Make a running comparison end soon, and do not let another one begin."""
        self._stopped = True
        self._async_stop_current()

    @callback
    def _async_stop_current(self) -> None:
        if self._verification:
            self._verification.stop()
            self._verification = None
