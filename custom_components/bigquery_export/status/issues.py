"""Repair issues: what a user has to do before an export can go on."""

from collections import Counter
from collections.abc import Mapping, Sequence

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..errors import (
    AccessDeniedError,
    ApiDisabledError,
    ExportError,
    KmsKeyError,
    LocationError,
    PermissionMissingError,
    ProjectNotFoundError,
    TableMismatchError,
    TableNotFoundError,
)
from ..export.purge import Gap, RowsAtRisk
from ..settings.key_age import is_old, key_age
from ..source.readiness import KNOWN_SCHEMA

# A refused key has a flow of its own, and what is transient passes without anybody's help.
KINDS = (
    AccessDeniedError,
    ApiDisabledError,
    KmsKeyError,
    LocationError,
    PermissionMissingError,
    ProjectNotFoundError,
    TableMismatchError,
    TableNotFoundError,
)
_KEY_OLD = "key_old"
ROWS_AT_RISK = "rows_in_danger"
ROWS_LOST = "rows_lost"
ROWS_REJECTED = "rows_rejected"
_RECORDER_NEWER = "recorder_newer"
_NOT_FIXABLE = frozenset({LocationError.key, _KEY_OLD, _RECORDER_NEWER})
"""Issues that no click can do anything about; for the others there is a flow in repairs.py."""


@callback
def async_show_issue(hass: HomeAssistant, entry: ConfigEntry, err: ExportError) -> None:
    """Show the issue that an error is about, if it is about one, and no other."""
    for kind in KINDS:
        _show(hass, entry, kind.key, err.placeholders if type(err) is kind else None)


@callback
def async_show_rejected_rows(
    hass: HomeAssistant, entry: ConfigEntry, reasons: Counter[str], path: str
) -> None:
    """Show that there are rejected rows, and mostly why, as long as there are any."""
    placeholders = None
    if reasons:
        ((reason, _),) = reasons.most_common(1)
        placeholders = {"count": str(reasons.total()), "reason": reason[:200], "path": path}
    _show(hass, entry, ROWS_REJECTED, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_show_rows_at_risk(
    hass: HomeAssistant, entry: ConfigEntry, at_risk: RowsAtRisk | None
) -> None:
    """Show that rows will be deleted before they are exported, as long as that is so."""
    placeholders = None
    if at_risk:
        placeholders = {
            "count": str(at_risk.rows),
            "oldest": _local(at_risk.oldest),
            "purge": _local(at_risk.purge.timestamp()),
        }
    _show(hass, entry, ROWS_AT_RISK, placeholders)


@callback
def async_show_gaps(hass: HomeAssistant, entry: ConfigEntry, gaps: Sequence[Gap]) -> None:
    """Show that rows are lost, until a user has read it: together with those lost before."""
    if not gaps:
        return
    issue_id = _issue_id(entry, ROWS_LOST)
    before = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    if before and before.dismissed_version:
        # An issue stays ignored, whatever it says.
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        before = None
    data = (before and before.data) or {}
    tables = {gap.table for gap in gaps} | {*str(data.get("tables") or "").split()}
    rows = sum(gap.rows for gap in gaps) + int(data.get("rows") or 0)
    since = min(float(data.get("since") or "inf"), *(gap.since for gap in gaps))
    until = max(float(data.get("until") or 0), *(gap.until for gap in gaps))
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        data={
            "entry_id": entry.entry_id,
            "tables": " ".join(sorted(tables)),
            "rows": rows,
            "since": since,
            "until": until,
        },
        is_fixable=True,
        is_persistent=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key=ROWS_LOST,
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
    placeholders = {"version": str(version), "known": str(KNOWN_SCHEMA)}
    newer = version > KNOWN_SCHEMA
    _show(hass, entry, _RECORDER_NEWER, placeholders if newer else None, ir.IssueSeverity.WARNING)


@callback
def async_show_old_key(hass: HomeAssistant, entry: ConfigEntry, days: int) -> None:
    """Advise a new key, as long as the one that there is has been in use for longer."""
    age = key_age(entry)
    placeholders = (
        {"days": str(age.days), "limit": str(days)} if age and is_old(age, days) else None
    )
    _show(hass, entry, _KEY_OLD, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_clear_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove the issues of an entry that an export heals."""
    for name in (*(kind.key for kind in KINDS), ROWS_AT_RISK):
        _show(hass, entry, name, None)


@callback
def async_remove_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove all issues of an entry, because it is gone."""
    async_clear_issues(hass, entry)
    for name in (_KEY_OLD, _RECORDER_NEWER, ROWS_LOST, ROWS_REJECTED):
        _show(hass, entry, name, None)


def _local(time: float) -> str:
    """Return a time as a clock in the home shows it."""
    return dt_util.as_local(dt_util.utc_from_timestamp(time)).strftime("%Y-%m-%d %H:%M")


def _show(
    hass: HomeAssistant,
    entry: ConfigEntry,
    name: str,
    placeholders: Mapping[str, str] | None,
    severity: ir.IssueSeverity = ir.IssueSeverity.ERROR,
) -> None:
    """Show an issue with what fills the blanks in it, or remove it when there is nothing."""
    if placeholders is None:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, name))
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(entry, name),
        data={"entry_id": entry.entry_id},
        is_fixable=name not in _NOT_FIXABLE,
        severity=severity,
        translation_key=name,
        translation_placeholders={"title": entry.title, **placeholders},
    )


def _issue_id(entry: ConfigEntry, name: str) -> str:
    return f"{name}_{entry.entry_id}"
