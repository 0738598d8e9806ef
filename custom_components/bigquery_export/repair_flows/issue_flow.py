"""What the flows have in common that fix an issue of an export."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import probatio

from ..const import DOMAIN
from ..errors import ExportError
from ..scheduler.runtime_data import BigQueryExportConfigEntry
from ..translation import async_reason

PATIENCE = 30.0
"""Seconds to wait for an export in a flow."""
_EMPTY = probatio.Schema({})


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """Wait for an export, but not longer than a dialog can.

    One that takes longer most likely does not fail as before; if it does, the issue is created
    again.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            yield


class IssueFlow(RepairsFlow):
    """A flow about an issue of one config entry."""

    def __init__(self, entry: BigQueryExportConfigEntry, issue: ir.IssueEntry) -> None:
        """Begin; the issue is kept as it is now, because an attempt to fix it may change it."""
        self._entry = entry
        self._issue = issue

    def _absent(self) -> RepairsFlowResult | None:
        """Return the end of the flow, which removes the issue, if there is nothing to repair.

        That is so when the export was removed or disabled meanwhile; one that is enabled again says
        again what is wrong.
        """
        entry = self.hass.config_entries.async_get_entry(self._entry.entry_id)
        return self.async_create_entry(data={}) if entry is None or entry.disabled_by else None

    @property
    def _is_loaded(self) -> bool:
        return self._entry.state is ConfigEntryState.LOADED

    @property
    def _placeholders(self) -> dict[str, str]:
        """Return the placeholders of the sentences of the issue."""
        return {**(self._issue.translation_placeholders or {})}

    @property
    def _current_placeholders(self) -> dict[str, str]:
        """Return the placeholders of the issue as it is after an attempt to fix it."""
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self._issue.issue_id)
        return {**((issue or self._issue).translation_placeholders or {})}

    def _menu(self, *steps: str) -> RepairsFlowResult:
        """Ask which step to take, or end if there is nothing to repair."""
        return self._absent() or self.async_show_menu(
            menu_options=[*steps], description_placeholders=self._placeholders
        )

    def _form(
        self, step_id: str, error: str | None = None, placeholders: Mapping[str, str] | None = None
    ) -> RepairsFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=_EMPTY,
            errors={"base": error} if error else None,
            description_placeholders={**self._placeholders, **(placeholders or {})},
        )

    async def _async_confirm(
        self,
        step_id: str,
        user_input: dict[str, str] | None,
        act: Callable[[], Awaitable[RepairsFlowResult | None]],
        *,
        loaded: bool = True,
    ) -> RepairsFlowResult:
        """Say what will be done; once the user has confirmed it, do it, or say why it fails.

        What `act` returns is shown, and nothing more to show ends the flow. It raises ExportError
        or HomeAssistantError. `loaded` says whether it needs an export that is set up.
        """
        if absent := self._absent():
            return absent
        if user_input is None:
            return self._form(step_id)
        if loaded and not self._is_loaded:
            return self._form(step_id, "not_loaded")
        try:
            shown = await act()
        except (ExportError, HomeAssistantError) as err:
            return self._form(step_id, "failed", {"problem": async_reason(self.hass, err)})
        return shown or self.async_create_entry(data={})


class OneStepFlow(IssueFlow, ABC):
    """A flow that says what is wrong, and does one thing about it."""

    needs_export: ClassVar = True
    """Whether the export has to be set up for that."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Say what is wrong."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Do what the user confirms, and say why it still fails."""
        return await self._async_confirm(
            "confirm", user_input, self._async_act, loaded=self.needs_export
        )

    @abstractmethod
    async def _async_act(self) -> None:
        """Do it. Raises ExportError or HomeAssistantError."""
