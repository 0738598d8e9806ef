"""Subentry flow of a copy in PostgreSQL: its tables are made before it is saved."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.helpers import instance_id
from homeassistant.helpers.selector import (
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from ..const import DOMAIN
from ..copies.copy_subentry import async_open_destination, is_copy
from ..copies.postgresql_settings import (
    CONF_DATABASE,
    CONF_SCHEMA,
    CONF_TLS,
    DEFAULT_PORT,
    DEFAULT_SCHEMA,
    PostgresqlSettings,
    Tls,
)
from ..errors import ExportError
from ..scheduler.runtime_data import BigQueryExportConfigEntry
from ..settings.options import options_from
from .field_rules import FormError
from .selectors import choice, number
from .subentry_flow import SubentryFlow

_TEXT = TextSelector()
_FIELDS = {
    "library_missing": "base",
    "postgresql_access": CONF_USERNAME,
    "postgresql_mismatch": CONF_SCHEMA,
    "postgresql_permission": CONF_SCHEMA,
    "postgresql_tls": CONF_TLS,
    "postgresql_unfit": CONF_DATABASE,
    "postgresql_unreachable": CONF_HOST,
}
"""Where the error of a kind is shown."""
SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_NAME): _TEXT,
        probatio.Required(CONF_HOST): _TEXT,
        probatio.Required(CONF_PORT, default=DEFAULT_PORT): number(1, 65_535),
        probatio.Required(CONF_DATABASE): _TEXT,
        probatio.Required(CONF_USERNAME): _TEXT,
        probatio.Optional(CONF_PASSWORD): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
        ),
        probatio.Required(CONF_SCHEMA, default=DEFAULT_SCHEMA): _TEXT,
        probatio.Required(CONF_TLS, default=Tls.ON.value): choice(Tls, CONF_TLS),
    }
)


class PostgresqlFlow(SubentryFlow):
    """Asks for a database, connects to it, and makes the tables before the copy is saved."""

    def __init__(self) -> None:
        """Begin without a password."""
        super().__init__()
        self._password: str | None = None
        """That of a copy that there is: it stays where none is given, and is not shown."""

    @override
    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for other settings of a copy."""
        subentry = self._get_reconfigure_subentry()
        values = {CONF_NAME: subentry.title, **subentry.data}
        self._password = values.pop(CONF_PASSWORD, None)
        return await self._async_form("reconfigure", values, user_input)

    @override
    async def _async_schema(self, entry: BigQueryExportConfigEntry) -> probatio.Schema:
        return SCHEMA

    @override
    async def _async_take(
        self, entry: BigQueryExportConfigEntry, user_input: Mapping[str, Any]
    ) -> None:
        data = {CONF_PASSWORD: self._password} if self._password else {}
        data |= user_input
        settings = PostgresqlSettings.of(data)
        self._check_alone(settings)
        tables = options_from(entry.options).tables
        source = await instance_id.async_get(self.hass)
        try:
            destination = await async_open_destination(self.hass, settings)
            await self.hass.async_add_executor_job(destination.ensure, tables, source)
        except ExportError as err:
            raise self._refused(_FIELDS.get(err.key, "base"), err) from err
        self._title = data.pop(CONF_NAME).strip() or settings.host
        self._data, self._unique_id = data, settings.identity

    def _check_alone(self, settings: PostgresqlSettings) -> None:
        """Make sure that no other copy goes to the same schema. Raises FormError."""
        own = None if self.source == SOURCE_USER else self._get_reconfigure_subentry().subentry_id
        others = (
            subentry
            for entry in self.hass.config_entries.async_entries(DOMAIN)
            for subentry in entry.subentries.values()
            if is_copy(subentry) and subentry.subentry_id != own
        )
        if any(PostgresqlSettings.of(one.data).identity == settings.identity for one in others):
            raise FormError({CONF_SCHEMA: "schema_in_use"})
