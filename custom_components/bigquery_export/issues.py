"""Repair issues: what a user has to do before an export can go on."""

from collections.abc import Sequence

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

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
from .export.readiness import KNOWN_SCHEMA
from .export.retention import Danger, Loss

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
_RECORDER_NEWER = "recorder_newer"
_ROWS_IN_DANGER = "rows_in_danger"
_ROWS_LOST = "rows_lost"
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
def async_show_rows_in_danger(
    hass: HomeAssistant, entry: ConfigEntry, danger: Danger | None
) -> None:
    """Show that rows will be deleted before they are exported, as long as that is so."""
    issue_id = f"{_ROWS_IN_DANGER}_{entry.entry_id}"
    if danger is None:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key=_ROWS_IN_DANGER,
        translation_placeholders={
            "title": entry.title,
            "count": str(danger.rows),
            "oldest": _local(danger.oldest),
            "purge": _local(danger.purge.timestamp()),
        },
    )


@callback
def async_show_lost_rows(hass: HomeAssistant, entry: ConfigEntry, losses: Sequence[Loss]) -> None:
    """Show that rows are lost, until a user ignores it: together with those lost before."""
    if not losses:
        return
    issue_id = f"{_ROWS_LOST}_{entry.entry_id}"
    before = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    if before and before.dismissed_version:
        # An issue stays ignored, whatever it says.
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        before = None
    data = (before and before.data) or {}
    tables = {loss.table for loss in losses} | {*str(data.get("tables") or "").split()}
    rows = sum(loss.rows for loss in losses) + int(data.get("rows") or 0)
    since = min(float(data.get("since") or "inf"), *(loss.since for loss in losses))
    until = max(float(data.get("until") or 0), *(loss.until for loss in losses))
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        data={"tables": " ".join(sorted(tables)), "rows": rows, "since": since, "until": until},
        is_fixable=False,
        is_persistent=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key=_ROWS_LOST,
        translation_placeholders={
            "title": entry.title,
            "count": str(rows),
            "tables": ", ".join(sorted(tables)),
            "since": _local(since),
            "until": _local(until),
        },
    )


@callback
def async_show_newer_recorder(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Show that the recorder's schema is newer than this integration, as long as it is."""
    version = get_instance(hass).schema_version
    issue_id = f"{_RECORDER_NEWER}_{entry.entry_id}"
    if version <= KNOWN_SCHEMA:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=_RECORDER_NEWER,
        translation_placeholders={
            "title": entry.title,
            "version": str(version),
            "known": str(KNOWN_SCHEMA),
        },
    )


@callback
def async_clear_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove the issues of an entry that an export heals."""
    for kind in KINDS:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, kind))
    async_show_rows_in_danger(hass, entry, None)


@callback
def async_remove_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove all issues of an entry, because it is gone."""
    async_clear_issues(hass, entry)
    for name in (_RECORDER_NEWER, _ROWS_LOST, _ROWS_REJECTED):
        ir.async_delete_issue(hass, DOMAIN, f"{name}_{entry.entry_id}")


def _local(time: float) -> str:
    """Return a time as a clock in the home shows it."""
    return dt_util.as_local(dt_util.utc_from_timestamp(time)).strftime("%Y-%m-%d %H:%M")


def _issue_id(entry: ConfigEntry, kind: type[ExportError]) -> str:
    return f"{kind.key}_{entry.entry_id}"
