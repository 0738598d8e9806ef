"""A copy that failed or lacks rows: the flow that copies again, or acknowledges it."""

from typing import override

from ..runner.copy_runner import CopyRunner
from ..status.copy_status import COPY_FAILED
from .issue_flow import OneStepFlow, patience


class CopyIssueFlow(OneStepFlow):
    """Copies again, or acknowledges what is missing in a copy."""

    @override
    async def _async_act(self) -> None:
        """Do what an issue of this kind asks for. Raises ExportError."""
        subentry_id = str((self._issue.data or {}).get("subentry_id"))
        if copy := self._entry.runtime_data.runner.copies.of(subentry_id):
            is_failure = self._issue.translation_key == COPY_FAILED
            await (_async_try(copy) if is_failure else copy.async_acknowledge())


async def _async_try(copy: CopyRunner) -> None:
    """Copy what waits; one that takes long most likely does not fail. Raises ExportError."""
    async with patience():
        if err := await copy.async_try():
            raise err
