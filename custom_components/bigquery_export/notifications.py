"""Notifications about export events, of the kinds that the user has chosen."""

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
    notifier = _Notifier(hass, entry, everything=wanted is Notifications.ALL)
    entry.async_on_unload(async_listen_export_events(hass, entry, notifier.async_notify))
    coordinator = entry.runtime_data.coordinator
    entry.async_on_unload(coordinator.async_add_listener(notifier.async_dismiss_resolved))


@callback
def async_dismiss_notifications(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Dismiss all notifications of an export."""
    for type_ in ExportEventType:
        _async_dismiss(hass, entry, type_)


class _Notifier:
    """Creates and dismisses the notifications of an export."""

    def __init__(
        self, hass: HomeAssistant, entry: BigQueryExportConfigEntry, *, everything: bool
    ) -> None:
        """Prepare to notify of failures, or of everything."""
        self._hass = hass
        self._entry = entry
        self._everything = everything
        self._error_kind: str | None = None
        """The kind of failure that was told last, while exports fail: each is told once."""

    @callback
    def async_notify(self, export_event: ExportEvent) -> None:
        """Create the notification of an event, if it is one that the user wants."""
        match export_event.type:
            case ExportEventType.COMPLETED if not self._everything:
                return
            case ExportEventType.FAILED:
                kind = export_event.attributes["error_kind"]
                if _is_retried(export_event) or kind == self._error_kind:
                    return
                self._error_kind = kind
                _async_dismiss(self._hass, self._entry, ExportEventType.COMPLETED)
        persistent_notification.async_create(
            self._hass,
            _message(self._hass, export_event),
            async_text(self._hass, "common", "notification_title", {"title": self._entry.title}),
            _notification_id(self._entry, export_event.type),
        )

    @callback
    def async_dismiss_resolved(self) -> None:
        """Dismiss notifications of what is resolved."""
        status = self._entry.runtime_data.coordinator.data
        if not status.last_error:
            self._error_kind = None
            _async_dismiss(self._hass, self._entry, ExportEventType.FAILED)
        if not status.rejected and not status.left_out:
            _async_dismiss(self._hass, self._entry, ExportEventType.ROWS_REJECTED)


def _is_retried(export_event: ExportEvent) -> bool:
    """Return whether a failure may be resolved by the next retry."""
    failures: int = export_event.attributes["failures"]
    return bool(export_event.attributes["retrying"]) and failures < _MAX_RETRIES


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
