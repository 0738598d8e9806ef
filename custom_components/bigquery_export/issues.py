"""Repair issues: what a user has to do before an export can go on."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .export.errors import (
    AccessDeniedError,
    ApiDisabledError,
    ExportError,
    LocationError,
    PermissionMissingError,
    ProjectNotFoundError,
    TableMismatchError,
    TableNotFoundError,
)

# A refused key has a flow of its own, and what is transient passes without anybody's help.
KINDS = (
    AccessDeniedError,
    ApiDisabledError,
    LocationError,
    PermissionMissingError,
    ProjectNotFoundError,
    TableMismatchError,
    TableNotFoundError,
)
_ROWS_REJECTED = "rows_rejected"


@callback
def async_show_issue(hass: HomeAssistant, entry: ConfigEntry, err: ExportError) -> None:
    """Show the issue that an error is about, if it is about one, and no other."""
    for kind in KINDS:
        if type(err) is kind:
            ir.async_create_issue(
                hass,
                DOMAIN,
                _issue_id(entry, kind),
                is_fixable=False,
                severity=ir.IssueSeverity.ERROR,
                translation_key=kind.key,
                translation_placeholders={"title": entry.title, **err.placeholders},
            )
        else:
            ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, kind))


@callback
def async_show_rejected_rows(
    hass: HomeAssistant, entry: ConfigEntry, count: int, path: str
) -> None:
    """Show that there are rejected rows, as long as there are any."""
    issue_id = f"{_ROWS_REJECTED}_{entry.entry_id}"
    if not count:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=_ROWS_REJECTED,
        translation_placeholders={"title": entry.title, "count": str(count), "path": path},
    )


@callback
def async_clear_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove the issues of an entry, because they are healed or it is gone."""
    for kind in KINDS:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, kind))


def _issue_id(entry: ConfigEntry, kind: type[ExportError]) -> str:
    return f"{kind.key}_{entry.entry_id}"
