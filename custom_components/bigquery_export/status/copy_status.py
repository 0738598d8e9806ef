"""The status of a copy as its entities show it."""

from dataclasses import dataclass
from datetime import datetime

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from ..const import DOCS_URL, DOMAIN
from .export_status import Status

COPY_FAILED = "copy_failed"
COPY_INCOMPLETE = "copy_incomplete"


@dataclass(frozen=True, slots=True)
class CopyStatus:
    """The status of a copy as its entities show it."""

    status: Status = Status.IDLE
    last_error: str | None = None
    """Why the last attempt failed, as a sentence in the language of Home Assistant."""
    last_export: datetime | None = None
    """When it had all that there was, last."""
    rows_waiting: int | None = None


@dataclass(frozen=True, slots=True)
class CopyIssues:
    """The repair issues of one copy."""

    hass: HomeAssistant
    entry: ConfigEntry
    subentry_id: str
    title: str

    @callback
    def async_show_failure(self, problem: str | None) -> None:
        """Show that the copy fails until the user does something, while that is so."""
        self._show(COPY_FAILED, {"problem": problem} if problem else None)

    @callback
    def async_show_missing(self, problem: str | None) -> None:
        """Show that rows are not in the copy, and will not be."""
        self._show(COPY_INCOMPLETE, {"problem": problem} if problem else None)

    def _show(self, name: str, placeholders: dict[str, str] | None) -> None:
        issue_id = f"{name}_{self.subentry_id}_{self.entry.entry_id}"
        if placeholders is None:
            ir.async_delete_issue(self.hass, DOMAIN, issue_id)
            return
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            issue_id,
            data={"entry_id": self.entry.entry_id, "subentry_id": self.subentry_id},
            is_fixable=True,
            learn_more_url=f"{DOCS_URL}/troubleshooting.md#{name}",
            severity=ir.IssueSeverity.ERROR,
            translation_key=name,
            translation_placeholders={"title": self.title, **placeholders},
        )


@callback
def async_remove_copy_issues(hass: HomeAssistant, entry: ConfigEntry, kept: set[str]) -> None:
    """Remove the issues of copies of an export that are gone: `kept` has those that are not."""
    for issue in list(ir.async_get(hass).issues.values()):
        data = issue.data or {}
        if (
            issue.domain == DOMAIN
            and data.get("entry_id") == entry.entry_id
            and (subentry_id := data.get("subentry_id"))
            and subentry_id not in kept
        ):
            ir.async_delete_issue(hass, DOMAIN, issue.issue_id)
