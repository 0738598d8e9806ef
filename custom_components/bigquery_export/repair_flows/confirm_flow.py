"""What the user only has to confirm: the flow that says it, and does it."""

from contextlib import suppress
from typing import override

from homeassistant.exceptions import HomeAssistantError

from ..restore.request import RestoreRequest
from ..status.issues import EXPIRING, RESTORE_OFFERED, ROWS_LEFT_OUT, ROWS_LOST
from .issue_flow import OneStepFlow


class ConfirmFlow(OneStepFlow):
    """Says what has happened or will happen to rows, and does what the user confirms."""

    @override
    async def _async_act(self) -> None:
        """Do what is confirmed of an issue of this kind. Raises ExportError."""
        runner = self._entry.runtime_data.runner
        actions = {
            EXPIRING: runner.tables.async_keep_for_ever,
            RESTORE_OFFERED: self._async_restore,
            ROWS_LEFT_OUT: runner.missing.async_acknowledge_left_out,
            ROWS_LOST: runner.missing.async_acknowledge_gaps,
        }
        await actions[str(self._issue.translation_key)]()

    async def _async_restore(self) -> None:
        """Begin to bring statistics back, unless that was begun meanwhile. Raises ExportError.

        While the export is paused it waits.
        """
        runtime_data = self._entry.runtime_data
        with suppress(HomeAssistantError):
            await runtime_data.runner.restorer.async_want(RestoreRequest())
            if not runtime_data.runner.paused:  # An export that is running looks at it, too.
                runtime_data.scheduler.async_export_now()
