"""Repairs: flows that fix an issue."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import probatio

from .const import DOMAIN
from .errors import AnotherExportError, ExportError, TableNotFoundError
from .restore.request import RestoreRequest
from .rows.export_log import Trigger
from .runner.copy_runner import CopyRunner
from .scheduler.runtime_data import BigQueryExportConfigEntry
from .status.copy_status import COPY_FAILED, COPY_INCOMPLETE
from .status.issues import (
    EXPIRING,
    RESTORE_OFFERED,
    ROWS_AT_RISK,
    ROWS_LEFT_OUT,
    ROWS_LOST,
    ROWS_REJECTED,
    WRONG_SUMS,
)
from .translation import async_number, async_reason

PATIENCE = 30.0
"""Seconds to wait for an export. One that takes longer most likely does not fail as before; if it
does, the issue is created again."""
_EMPTY = probatio.Schema({})
_SUMS = "sums"


class _Flow(RepairsFlow):
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
    def _placeholders(self) -> dict[str, str]:
        """Return the placeholders of the sentences of the issue."""
        return {**(self._issue.translation_placeholders or {})}

    def _form(
        self, step_id: str, error: str | None = None, placeholders: Mapping[str, str] | None = None
    ) -> RepairsFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=_EMPTY,
            errors={"base": error} if error else None,
            description_placeholders={**self._placeholders, **(placeholders or {})},
        )


class TryAgainFlow(_Flow):
    """Retries what failed: sets up the export if necessary, and exports."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Say what to do first."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Try, and say why it still fails."""
        if absent := self._absent():
            return absent
        if user_input is None:
            return self._form("confirm")
        try:
            await self._async_try()
        except HomeAssistantError as err:
            return self._form("confirm", "failed", {"problem": async_reason(self.hass, err)})
        return self.async_create_entry(data={})

    async def _async_try(self) -> None:
        """Create missing tables, then export. Raises HomeAssistantError."""
        entry, key = self._entry, self._issue.translation_key
        if key == TableNotFoundError.key or entry.state is not ConfigEntryState.LOADED:
            await self.hass.config_entries.async_reload(entry.entry_id)
            if entry.state is not ConfigEntryState.LOADED:
                raise HomeAssistantError(
                    entry.reason or "",
                    translation_domain=entry.error_reason_translation_domain,
                    translation_key=entry.error_reason_translation_key,
                    translation_placeholders=entry.error_reason_translation_placeholders,
                )
        # While the export is paused, rows that are about to be deleted cannot wait.
        trigger = Trigger.RETENTION if key == ROWS_AT_RISK else Trigger.ACTION
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await entry.runtime_data.runner.async_export(trigger)


class RejectedRowsFlow(_Flow):
    """Sends the rejected rows again, or discards them."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask what to do."""
        if absent := self._absent():
            return absent
        return self.async_show_menu(
            menu_options=["retry", "discard"], description_placeholders=self._placeholders
        )

    async def async_step_retry(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Send the rows again, and say if some are still rejected."""
        return await self._async_step("retry", user_input)

    async def async_step_discard(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Discard the rows."""
        return await self._async_step("discard", user_input)

    async def _async_step(
        self, step_id: str, user_input: dict[str, str] | None
    ) -> RepairsFlowResult:
        if absent := self._absent():
            return absent
        if user_input is None:
            return self._form(step_id)
        if self._entry.state is not ConfigEntryState.LOADED:
            return self._form(step_id, "not_loaded")
        runner = self._entry.runtime_data.runner
        try:
            if step_id == "discard":
                await runner.async_discard_rejected()
                return self.async_create_entry(data={})
            result = await runner.async_retry_rejected()
        except HomeAssistantError as err:
            return self._form(step_id, "failed", {"problem": async_reason(self.hass, err)})
        if not result.rejected:
            return self.async_create_entry(data={})
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self._issue.issue_id)
        reason = ((issue or self._issue).translation_placeholders or {})["reason"]
        return self._form(
            step_id,
            "still_rejected",
            {"still": async_number(self.hass, result.rejected), "problem": reason},
        )


class ConfirmFlow(_Flow):
    """Says what has happened or will happen to rows, and does what the user confirms."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Say it."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Acknowledge what has happened, or prevent what will."""
        if absent := self._absent():
            return absent
        if user_input is None:
            return self._form("confirm")
        if self._entry.state is not ConfigEntryState.LOADED:
            return self._form("confirm", "not_loaded")
        try:
            runner = self._entry.runtime_data.runner
            actions = {
                EXPIRING: runner.tables.async_keep_for_ever,
                RESTORE_OFFERED: self._async_restore,
                ROWS_LEFT_OUT: runner.missing.async_acknowledge_left_out,
                ROWS_LOST: runner.missing.async_acknowledge_gaps,
            }
            await actions[str(self._issue.translation_key)]()
        except ExportError as err:
            return self._form("confirm", "failed", {"problem": async_reason(self.hass, err)})
        return self.async_create_entry(data={})

    async def _async_restore(self) -> None:
        """Begin to bring statistics back, unless that was begun meanwhile. Raises ExportError.

        While the export is paused it waits.
        """
        runtime_data = self._entry.runtime_data
        with suppress(HomeAssistantError):
            await runtime_data.runner.restorer.async_want(RestoreRequest())
            if not runtime_data.runner.paused:  # An export that is running looks at it, too.
                runtime_data.scheduler.async_export_now()


class AnotherExportFlow(_Flow):
    """Asks whether this export goes on, or the copy of it that has gone on meanwhile."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask which one."""
        if absent := self._absent():
            return absent
        return self.async_show_menu(
            menu_options=["take_over", "stay_out"], description_placeholders=self._placeholders
        )

    async def async_step_take_over(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Go on; the copy stops before its next commit."""
        if absent := self._absent():
            return absent
        if user_input is None:
            return self._form("take_over")
        if self._entry.state is not ConfigEntryState.LOADED:
            return self._form("take_over", "not_loaded")
        runtime_data = self._entry.runtime_data
        try:
            await runtime_data.runner.async_take_over()
        except ExportError as err:
            return self._form("take_over", "failed", {"problem": async_reason(self.hass, err)})
        with suppress(HomeAssistantError):  # One that is running looks at it, too.
            runtime_data.scheduler.async_export_now()
        return self.async_create_entry(data={})

    async def async_step_stay_out(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Disable this export."""
        if absent := self._absent():
            return absent
        if user_input is None:
            return self._form("stay_out")
        await self.hass.config_entries.async_set_disabled_by(
            self._entry.entry_id, ConfigEntryDisabler.USER
        )
        return self.async_create_entry(data={})


class SumsFlow(_Flow):
    """Adjusts sums that contradict their meters, or leaves them as they are."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Show them, and ask what to do."""
        if absent := self._absent():
            return absent
        return self.async_show_menu(
            menu_options=["mend", "leave"], description_placeholders=self._placeholders
        )

    async def async_step_mend(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Adjust those that are chosen."""
        return await self._async_step("mend", user_input)

    async def async_step_leave(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Do not ask about those again that are chosen."""
        return await self._async_step("leave", user_input)

    async def _async_step(
        self, step_id: str, user_input: dict[str, Any] | None
    ) -> RepairsFlowResult:
        if absent := self._absent():
            return absent
        if self._entry.state is not ConfigEntryState.LOADED:
            return self._form(step_id, "not_loaded")
        runner = self._entry.runtime_data.runner
        problem = None
        if user_input is not None:
            act = runner.async_mend if step_id == "mend" else runner.mender.async_leave
            try:
                await act(user_input.get(_SUMS, ()))
            except ExportError as err:
                problem = async_reason(self.hass, err)
        if not (found := runner.mender.findings.open):
            return self.async_create_entry(data={})
        if user_input is not None and problem is None:
            return await self.async_step_init()
        return self.async_show_form(
            step_id=step_id,
            data_schema=_sums_schema({one.key: one.label(self.hass) for one in found}),
            errors={"base": "failed"} if problem else None,
            description_placeholders={**self._placeholders, "problem": problem or ""},
        )

    @property
    @override
    def _placeholders(self) -> dict[str, str]:
        """Return the placeholders of the issue as it is now: some sums may be done."""
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self._issue.issue_id)
        return {**((issue or self._issue).translation_placeholders or {})}


def _sums_schema(labels: Mapping[str, str]) -> probatio.Schema:
    """Return a form that chooses among findings, by default all of them."""
    options = [SelectOptionDict(value=key, label=label) for key, label in labels.items()]
    selector = SelectSelector(
        SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
    )
    return probatio.Schema({probatio.Required(_SUMS, default=list(labels)): selector})


class CopyFlow(_Flow):
    """Copies again, or acknowledges what is missing in a copy."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Say what is wrong."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Do it, and say why it still fails."""
        if absent := self._absent():
            return absent
        if user_input is None:
            return self._form("confirm")
        if self._entry.state is not ConfigEntryState.LOADED:
            return self._form("confirm", "not_loaded")
        subentry_id = str((self._issue.data or {}).get("subentry_id"))
        if copy := self._entry.runtime_data.runner.copies.of(subentry_id):
            is_failure = self._issue.translation_key == COPY_FAILED
            try:
                await (self._async_try(copy) if is_failure else copy.async_acknowledge())
            except ExportError as err:
                return self._form("confirm", "failed", {"problem": async_reason(self.hass, err)})
        return self.async_create_entry(data={})

    async def _async_try(self, copy: CopyRunner) -> None:
        """Copy what waits; one that takes long most likely does not fail. Raises ExportError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                if err := await copy.async_try():
                    raise err


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
    if issue.translation_key in (EXPIRING, RESTORE_OFFERED, ROWS_LEFT_OUT, ROWS_LOST):
        return ConfirmFlow(entry, issue)
    if issue.translation_key == AnotherExportError.key:
        return AnotherExportFlow(entry, issue)
    if issue.translation_key == WRONG_SUMS:
        return SumsFlow(entry, issue)
    if issue.translation_key == ROWS_REJECTED:
        return RejectedRowsFlow(entry, issue)
    if issue.translation_key in (COPY_FAILED, COPY_INCOMPLETE):
        return CopyFlow(entry, issue)
    return TryAgainFlow(entry, issue)
