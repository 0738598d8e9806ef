"""Repairs: which flow fixes which issue."""

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .errors import AnotherExportError
from .repair_flows.another_export_flow import AnotherExportFlow
from .repair_flows.confirm_flow import ConfirmFlow
from .repair_flows.copy_issue_flow import CopyIssueFlow
from .repair_flows.rejected_rows_flow import RejectedRowsFlow
from .repair_flows.sums_flow import SumsFlow
from .repair_flows.try_again_flow import TryAgainFlow
from .scheduler.runtime_data import BigQueryExportConfigEntry
from .status.copy_status import COPY_FAILED, COPY_INCOMPLETE
from .status.issues import (
    EXPIRING,
    RESTORE_OFFERED,
    ROWS_LEFT_OUT,
    ROWS_LOST,
    ROWS_REJECTED,
    WRONG_SUMS,
)

_FLOWS = {
    AnotherExportError.key: AnotherExportFlow,
    COPY_FAILED: CopyIssueFlow,
    COPY_INCOMPLETE: CopyIssueFlow,
    EXPIRING: ConfirmFlow,
    RESTORE_OFFERED: ConfirmFlow,
    ROWS_LEFT_OUT: ConfirmFlow,
    ROWS_LOST: ConfirmFlow,
    ROWS_REJECTED: RejectedRowsFlow,
    WRONG_SUMS: SumsFlow,
}
"""The flows by the translation key of the issue. All others are errors, after which an export is
tried again."""


class RemovedFlow(RepairsFlow):
    """Ends at once, which removes the issue: its export is gone."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """End."""
        return self.async_create_entry(data={})


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that fixes an issue."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    entry: BigQueryExportConfigEntry | None = hass.config_entries.async_get_entry(
        str((data or {}).get("entry_id"))
    )
    if issue is None or entry is None:
        return RemovedFlow()
    return _FLOWS.get(str(issue.translation_key), TryAgainFlow)(entry, issue)
