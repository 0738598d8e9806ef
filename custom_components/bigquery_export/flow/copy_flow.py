"""What the subentry flows of all copies share: a copy is saved once its tables are made."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any, ClassVar, override

from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.const import CONF_NAME, CONF_PASSWORD
from homeassistant.helpers import instance_id
import probatio

from ..const import DOMAIN
from ..copies.copy_destination import CopyDestination, CopySettings
from ..copies.copy_subentry import copies
from ..copies.open_destination import async_open_destination
from ..errors import ExportError
from ..rows.table import Table
from ..scheduler.runtime_data import BigQueryExportConfigEntry
from ..settings.options import options_from
from .field_rules import FormError
from .subentry_flow import SubentryFlow

_FIELDS_IN_SIGHT = 5
"""How many fields of a form a phone shows before one scrolls."""


class CopyFlow(SubentryFlow):
    """Asks where a copy goes, connects to it, and makes the tables before the copy is saved."""

    schema: ClassVar[probatio.Schema]
    """The form; it has CONF_NAME."""
    fields: ClassVar[Mapping[str, str]]
    """The field where the error of a kind is shown, by its key; others are above the form."""
    place_in_use: ClassVar[tuple[str, str]]
    """The field and the error where another copy goes to the same place."""
    secret: ClassVar[str] = CONF_PASSWORD
    """The field that is never shown again: where nothing is typed, it stays as it is."""

    def __init__(self) -> None:
        """Begin without a secret."""
        super().__init__()
        self._secret: dict[str, Any] = {}

    @override
    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for other settings of a copy."""
        subentry = self._get_reconfigure_subentry()
        values = {CONF_NAME: subentry.title, **subentry.data}
        if self.secret in values:
            self._secret = {self.secret: values.pop(self.secret)}
        return await self._async_form("reconfigure", values, user_input)

    @abstractmethod
    def _settings(self, data: Mapping[str, Any]) -> CopySettings:
        """Return where the copy goes, as the form says. Raises FormError."""

    @abstractmethod
    def _default_title(self, data: Mapping[str, Any]) -> str:
        """Return the name of a copy that was given none."""

    async def _async_prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the data, once the place is there. Raises FormError and ExportError."""
        return data

    @override
    async def _async_schema(self, entry: BigQueryExportConfigEntry) -> probatio.Schema:
        return self.schema

    @override
    def _shown_errors(self, error: FormError) -> dict[str, str]:
        """Return errors by field; what is far below also stands at the top, where a user is."""
        far = {str(field) for field in list(self.schema.schema)[_FIELDS_IN_SIGHT:]}
        below = [key for field, key in error.errors.items() if field in far]
        return {"base": below[0], **error.errors} if below else error.errors

    @override
    async def _async_take(
        self, entry: BigQueryExportConfigEntry, user_input: Mapping[str, Any]
    ) -> None:
        tables = options_from(entry.options).tables
        source = await instance_id.async_get(self.hass)
        try:
            data = await self._async_prepare({**self._secret, **user_input})
            settings = self._settings(data)
            self._check_alone(settings)
            destination = await async_open_destination(self.hass, settings)
            await self.hass.async_add_executor_job(_ensure, destination, tables, source)
        except ExportError as err:
            raise self._refused(self.fields.get(err.key, "base"), err) from err
        self._title = data.pop(CONF_NAME).strip() or self._default_title(data)
        self._data, self._unique_id = data, settings.identity

    def _check_alone(self, settings: CopySettings) -> None:
        """Make sure that no other copy goes to the same place. Raises FormError."""
        own = None if self.source == SOURCE_USER else self._get_reconfigure_subentry().subentry_id
        others = (
            copy
            for entry in self.hass.config_entries.async_entries(DOMAIN)
            for copy in copies(entry)
            if copy.subentry_id != own
        )
        if any(other.settings.identity == settings.identity for other in others):
            field, error = self.place_in_use
            raise FormError({field: error})


def _ensure(destination: CopyDestination, tables: Iterable[Table], source: str) -> None:
    """Make the tables, which blocks, and end the connection. Raises ExportError."""
    with closing(destination):
        destination.ensure(tables, source)
