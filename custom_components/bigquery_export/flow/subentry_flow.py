"""What the flows of all subentries have in common: a form that is tried before it is saved."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntryState,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.helpers.typing import UNDEFINED
import probatio

from ..errors import ExportError
from ..scheduler.runtime_data import BigQueryExportConfigEntry
from ..translation import async_load_translations, async_reason
from .field_rules import NO_ERROR, FormError

_RELOAD_SECONDS = 30.0
"""How long a flow waits for a reload that is under way."""


class SubentryFlow(ConfigSubentryFlow, ABC):
    """Asks for a new subentry, or for other values of one that there is, and tries them."""

    def __init__(self) -> None:
        """Begin before anything is shown."""
        self._title = ""
        self._data: dict[str, Any] = {}
        self._unique_id: str | None = None

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a new one."""
        return await self._async_form("user", {}, user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for other values in place of those that there are."""
        subentry = self._get_reconfigure_subentry()
        values = {CONF_NAME: subentry.title, **subentry.data}
        return await self._async_form("reconfigure", values, user_input)

    async def _async_form(
        self, step_id: str, values: Mapping[str, Any], user_input: dict[str, Any] | None
    ) -> SubentryFlowResult:
        """Show the form, and end with it once all that it has works."""
        entry: BigQueryExportConfigEntry = self._get_entry()
        if not await _async_is_loaded(entry):
            return self.async_abort(reason="not_loaded")
        if reason := self._unusable(entry):
            return self.async_abort(reason=reason)
        await async_load_translations(self.hass)
        error = NO_ERROR
        if user_input is not None:
            try:
                await self._async_take(entry, user_input)
            except FormError as err:
                error = err
            else:
                return await self._async_end()
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                await self._async_schema(entry), user_input or values
            ),
            errors=self._shown_errors(error),
            description_placeholders={**self._placeholders, **error.placeholders},
        )

    def _unusable(self, entry: BigQueryExportConfigEntry) -> str | None:
        """Return the key of why nothing can be tried in an entry that is loaded, None if it can."""
        return None

    def _shown_errors(self, error: FormError) -> dict[str, str]:
        """Return errors by field, as the form is to show them."""
        return error.errors

    @property
    def _placeholders(self) -> Mapping[str, str]:
        """Return the placeholders of the form's texts."""
        return {}

    @abstractmethod
    async def _async_schema(self, entry: BigQueryExportConfigEntry) -> probatio.Schema:
        """Return the form."""

    @abstractmethod
    async def _async_take(
        self, entry: BigQueryExportConfigEntry, user_input: Mapping[str, Any]
    ) -> None:
        """Take what was submitted, once it was tried. Raises FormError."""

    async def _async_end(self) -> SubentryFlowResult:
        """Go on once all was tried."""
        return self._save()

    def _refused(self, field: str, err: ExportError) -> FormError:
        """Return the error of a field, with the sentence of another error."""
        return FormError({field: "refused"}, {"message": async_reason(self.hass, err)})

    def _save(self) -> SubentryFlowResult:
        if self.source == SOURCE_USER:
            return self.async_create_entry(
                title=self._title, data=self._data, unique_id=self._unique_id
            )
        return self.async_update_and_abort(
            self._get_entry(),
            self._get_reconfigure_subentry(),
            unique_id=UNDEFINED if self._unique_id is None else self._unique_id,
            title=self._title,
            data=self._data,
        )


async def _async_is_loaded(entry: BigQueryExportConfigEntry) -> bool:
    """Return whether an entry is loaded, once a reload has ended.

    The subentry before may have begun one a moment ago: that must not stop the flow of this one.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_RELOAD_SECONDS), entry.setup_lock:
            pass
    return entry.state is ConfigEntryState.LOADED
