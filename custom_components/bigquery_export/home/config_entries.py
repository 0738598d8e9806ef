"""The config entries in the home: which integrations there are, and whether they work.

They are read in short steps on the event loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import __version__ as HOME_ASSISTANT_VERSION
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.loader import Integration, async_get_integrations

from ..export.dimensions.snapshot import DimensionRow, EarlierValues
from ..rows.columns import Values
from ..rows.integrations import STATE_NUMBER
from ..rows.table import timestamp
from .entry_states import EntryState, EntryStates
from .steps import in_steps


@dataclass(frozen=True, slots=True)
class ConfigEntries:
    """The config entries as they are now."""

    rows: Mapping[str, DimensionRow]
    """By their ids; also of those that are gone since they were exported."""
    entities: Mapping[str, tuple[str, ...]]
    """The ids of the entities that each has registered."""


async def async_config_entries(hass: HomeAssistant, states: EntryStates) -> ConfigEntries:
    """Return all config entries but those of ignored discoveries."""
    entries = hass.config_entries.async_entries(include_ignore=False)
    found = await async_get_integrations(hass, {entry.domain for entry in entries})
    rows: dict[str, DimensionRow] = {}
    entities: dict[str, tuple[str, ...]] = {}
    async for entry in in_steps(entries):
        registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        entities[entry.entry_id] = tuple(entity.entity_id for entity in registered)
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        integration = found.get(entry.domain)
        values = {
            "entry_id": entry.entry_id,
            "domain": entry.domain,
            **_integration_values(integration if isinstance(integration, Integration) else None),
            "entities": len(registered),
            "devices": len(devices),
            "created": timestamp(entry.created_at) or None,
        }
        rows[entry.entry_id] = _row(values, states.of(entry.entry_id) or [_unsettled(entry)])
    for entry_id in states.removed:
        if entry_id not in rows:
            rows[entry_id] = _row({}, states.of(entry_id))
    return ConfigEntries(rows, entities)


def _row(values: Values, states: list[EntryState]) -> DimensionRow:
    """Return the row of an entry, with what it was before, given what it is besides its state."""
    *earlier, now = states
    return DimensionRow(
        {STATE_NUMBER: now.number} if now.removed else {**values, **_state_values(now)},
        now.since,
        tuple(EarlierValues(_state_values(state), state.since) for state in earlier),
        now.removed,
    )


def _integration_values(integration: Integration | None) -> Values:
    """Return what is known of an integration: nothing if its files are missing."""
    if integration is None:
        names = ("name", "version", "is_built_in", "integration_type", "iot_class")
        return dict.fromkeys(names)
    version = HOME_ASSISTANT_VERSION if integration.is_built_in else integration.version
    return {
        "name": str(integration.name),
        "version": None if version is None else str(version),
        "is_built_in": integration.is_built_in,
        "integration_type": integration.integration_type,
        "iot_class": integration.iot_class,
    }


def _state_values(state: EntryState) -> Values:
    return {
        "state": state.state,
        "reason": state.reason,
        "reason_key": state.reason_key,
        "disabled_by": state.disabled_by,
        STATE_NUMBER: state.number,
    }


def _unsettled(entry: ConfigEntry) -> EntryState:
    """Return what an entry is that is set up for the first time, and not done."""
    return EntryState(entry.state.value, disabled_by=entry.disabled_by and str(entry.disabled_by))
