"""Sums that contradict their meters: the flow that adjusts them, or leaves them as they are."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.components.repairs import RepairsFlowResult
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import probatio

from ..errors import ExportError
from ..translation import async_reason
from .issue_flow import IssueFlow

_SUMS = "sums"


class SumsFlow(IssueFlow):
    """Adjusts sums that contradict their meters, or leaves them as they are."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Show them, and ask what to do."""
        return self._menu("mend", "leave")

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
        if not self._is_loaded:
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
        return self._current_placeholders


def _sums_schema(labels: Mapping[str, str]) -> probatio.Schema:
    """Return a form that chooses among findings, by default all of them."""
    options = [SelectOptionDict(value=key, label=label) for key, label in labels.items()]
    selector = SelectSelector(
        SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
    )
    return probatio.Schema({probatio.Required(_SUMS, default=list(labels)): selector})
