"""An export that failed: the flow that tries again."""

from typing import override

from homeassistant.exceptions import HomeAssistantError

from ..errors import TableNotFoundError
from ..rows.export_log import Trigger
from ..status.issues import ROWS_AT_RISK
from .issue_flow import OneStepFlow, patience


class TryAgainFlow(OneStepFlow):
    """Retries what failed: sets up the export if necessary, and exports."""

    needs_export = False

    @override
    async def _async_act(self) -> None:
        """Create missing tables, then export. Raises HomeAssistantError."""
        entry, key = self._entry, self._issue.translation_key
        if key == TableNotFoundError.key or not self._is_loaded:
            await self.hass.config_entries.async_reload(entry.entry_id)
            if not self._is_loaded:
                raise HomeAssistantError(
                    entry.reason or "",
                    translation_domain=entry.error_reason_translation_domain,
                    translation_key=entry.error_reason_translation_key,
                    translation_placeholders=entry.error_reason_translation_placeholders,
                )
        # While the export is paused, rows that are about to be deleted cannot wait.
        trigger = Trigger.RETENTION if key == ROWS_AT_RISK else Trigger.ACTION
        async with patience():
            await entry.runtime_data.runner.async_export(trigger)
