"""Rows that BigQuery has rejected: the flow that sends them again, or discards them."""

from homeassistant.components.repairs import RepairsFlowResult

from ..translation import async_number
from .issue_flow import IssueFlow


class RejectedRowsFlow(IssueFlow):
    """Sends the rejected rows again, or discards them."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask what to do."""
        return self._menu("retry", "discard")

    async def async_step_retry(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Send the rows again, and say if some are still rejected."""
        return await self._async_confirm("retry", user_input, self._async_retry)

    async def async_step_discard(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Discard the rows."""
        return await self._async_confirm("discard", user_input, self._async_discard)

    async def _async_retry(self) -> RepairsFlowResult | None:
        """Send the rows again. Raises HomeAssistantError."""
        result = await self._entry.runtime_data.runner.async_retry_rejected()
        if not result.rejected:
            return None
        still = async_number(self.hass, result.rejected)
        reason = self._current_placeholders["reason"]
        return self._form("retry", "still_rejected", {"still": still, "problem": reason})

    async def _async_discard(self) -> None:
        """Delete the rows. Raises HomeAssistantError."""
        await self._entry.runtime_data.runner.async_discard_rejected()
