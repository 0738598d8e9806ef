"""Notifications about export events, of the kinds that the user has chosen."""

from functools import partial

from homeassistant.components import persistent_notification
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .scheduler.runtime_data import BigQueryExportConfigEntry
from .settings.choices import Notifications
from .settings.options import options_from
from .status.export_events import ExportEvent, ExportEventType, async_listen_export_events
from .translation import async_text

_MAX_RETRIES = 3
"""Transient failures in a row after which a notification is created."""


@callback
def async_setup_notifications(hass: HomeAssistant, entry: BigQueryExportConfigEntry) -> None:
    """Create notifications from now on, and dismiss those that no longer hold."""
    wanted = options_from(entry.options).notifications
    if wanted is Notifications.OFF:
        async_dismiss_notifications(hass, entry)
        return
    entry.async_on_unload(
        async_listen_export_events(
            hass, entry, partial(_async_notify, hass, entry, wanted is Notifications.ALL)
        )
    )
    coordinator = entry.runtime_data.coordinator
    entry.async_on_unload(
        coordinator.async_add_listener(partial(_async_dismiss_resolved, hass, entry))
    )


@callback
def async_dismiss_notifications(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Dismiss all notifications of an export."""
    for type_ in ExportEventType:
        _async_dismiss(hass, entry, type_)


@callback
def _async_notify(
    hass: HomeAssistant, entry: ConfigEntry, everything: bool, export_event: ExportEvent
) -> None:
    match export_event.type:
        case ExportEventType.COMPLETED if not everything:
            return
        case ExportEventType.FAILED if _is_retried(export_event):
            return
        case ExportEventType.FAILED:
            _async_dismiss(hass, entry, ExportEventType.COMPLETED)
    persistent_notification.async_create(
        hass,
        _message(hass, export_event),
        async_text(hass, "common", "notification_title", {"title": entry.title}),
        _notification_id(entry, export_event.type),
    )


def _is_retried(export_event: ExportEvent) -> bool:
    """Return whether a failure may be resolved by the next retry."""
    failures: int = export_event.attributes["failures"]
    return bool(export_event.attributes["retrying"]) and failures < _MAX_RETRIES


@callback
def _async_dismiss_resolved(hass: HomeAssistant, entry: BigQueryExportConfigEntry) -> None:
    """Dismiss notifications of what is resolved."""
    status = entry.runtime_data.coordinator.data
    if not status.last_error:
        _async_dismiss(hass, entry, ExportEventType.FAILED)
    if not status.rejected and not status.left_out:
        _async_dismiss(hass, entry, ExportEventType.ROWS_REJECTED)


@callback
def _async_dismiss(hass: HomeAssistant, entry: ConfigEntry, type_: ExportEventType) -> None:
    persistent_notification.async_dismiss(hass, _notification_id(entry, type_))


def _notification_id(entry: ConfigEntry, type_: ExportEventType) -> str:
    return f"{DOMAIN}_{type_}_{entry.entry_id}"


def _message(hass: HomeAssistant, export_event: ExportEvent) -> str:
    """Return the message: what has happened, and what to do."""
    key = f"notification_{export_event.type}"
    placeholders = {**export_event.attributes}
    match export_event.type:
        case ExportEventType.FAILED:
            key += "_retrying" if placeholders["retrying"] else ""
        case ExportEventType.GAP_FOUND:
            placeholders["tables"] = ", ".join(placeholders["tables"])
            placeholders |= {name: _local(placeholders[name]) for name in ("since", "until")}
    return async_text(hass, "common", key, placeholders)


def _local(time: str) -> str:
    """Return a time as a clock in the home shows it."""
    return dt_util.as_local(dt_util.parse_datetime(time, raise_on_error=True)).strftime(
        "%Y-%m-%d %H:%M"
    )
