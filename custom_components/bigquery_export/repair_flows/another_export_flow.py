"""Two exports that write to one table: the flow that asks which one goes on."""

from contextlib import suppress

from homeassistant.components.repairs import RepairsFlowResult
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.exceptions import HomeAssistantError

from .issue_flow import IssueFlow


class AnotherExportFlow(IssueFlow):
    """Asks whether this export goes on, or the copy of it that has gone on meanwhile."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask which one."""
        return self._menu("take_over", "stay_out")

    async def async_step_take_over(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Go on; the copy stops before its next commit."""
        return await self._async_confirm("take_over", user_input, self._async_take_over)

    async def async_step_stay_out(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Disable this export."""
        return await self._async_confirm("stay_out", user_input, self._async_stay_out, loaded=False)

    async def _async_take_over(self) -> None:
        """Go on with this export. Raises ExportError."""
        runtime_data = self._entry.runtime_data
        await runtime_data.runner.async_take_over()
        with suppress(HomeAssistantError):  # One that is running looks at it, too.
            runtime_data.scheduler.async_export_now()

    async def _async_stay_out(self) -> None:
        entry_id = self._entry.entry_id
        await self.hass.config_entries.async_set_disabled_by(entry_id, ConfigEntryDisabler.USER)
