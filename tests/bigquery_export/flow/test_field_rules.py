"""Rules for what a user fills in: each refusal names the value, and the flow goes on."""

from typing import Any

from homeassistant.components.recorder.core import Recorder
from homeassistant.const import CONF_ENTITY_ID, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entityfilter import generate_filter
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import (
    CONF_BATCH_ROWS,
    CONF_CONTEXT_ENTITIES,
    CONF_DROPPED,
    CONF_HIDDEN,
    CONF_KMS_KEY,
    CONF_MATERIALIZED_VIEWS,
    CONF_NOTIFICATIONS,
    CONF_PARTITION_DAYS,
    CONF_PARTITION_FILTER,
    CONF_PRIVACY,
    CONF_RECORDER_PREFIX,
    CONF_STORAGE,
    CONF_TABLE_LABELS,
    CONF_TRANSFER,
    CONF_WHAT,
)
from custom_components.bigquery_export.rows.ambient import ContextEntity
from custom_components.bigquery_export.settings.options import options_from
from tests.bigquery_export.support.forms import (
    begin_options,
    context_entity as item,
    errors_of,
    only_context_entities as what,
    submit_options,
    suggested,
)

KMS_KEY = "projects/my-keys/locations/europe/keyRings/home/cryptoKeys/history"

REFUSED: tuple[tuple[str, str, Any, str, str], ...] = (
    ("include", "entity_globs", ["Bedroom"], "glob_invalid", "Bedroom"),
    ("exclude", "entity_globs", ["light"], "glob_invalid", "light"),
    ("include", "domains", ["light.kitchen"], "domain_invalid", "light.kitchen"),
    ("exclude", "integrations", ["Zigbee Home"], "domain_invalid", "Zigbee Home"),
    (CONF_PRIVACY, CONF_DROPPED, ["camera:brand"], "attribute_invalid", "camera:brand"),
    (CONF_PRIVACY, CONF_HIDDEN, ["Anna"], "glob_invalid", "Anna"),
    (CONF_STORAGE, CONF_PARTITION_DAYS, 29, "partition_days_invalid", "29"),
    (CONF_STORAGE, CONF_TABLE_LABELS, ["team"], "label_invalid", "team"),
    (CONF_STORAGE, CONF_TABLE_LABELS, ["1team:home"], "label_invalid", "1team:home"),
    (CONF_STORAGE, CONF_TABLE_LABELS, ["Team:home"], "label_invalid", "Team:home"),
    (CONF_STORAGE, CONF_TABLE_LABELS, ["a:b:c"], "label_invalid", "a:b:c"),
    (CONF_STORAGE, CONF_TABLE_LABELS, ["k" * 64 + ":"], "label_invalid", "k" * 64 + ":"),
    (CONF_STORAGE, CONF_TABLE_LABELS, ["a:1", "b:1", "a:2"], "label_twice", "a"),
    (CONF_STORAGE, CONF_TABLE_LABELS, [f"k{n}:" for n in range(65)], "labels_too_many", "64"),
    (CONF_STORAGE, CONF_KMS_KEY, "history", "kms_key_invalid", "history"),
    (
        *(CONF_STORAGE, CONF_KMS_KEY, f"{KMS_KEY}/cryptoKeyVersions/1"),
        *("kms_key_invalid", f"{KMS_KEY}/cryptoKeyVersions/1"),
    ),
    (CONF_STORAGE, CONF_RECORDER_PREFIX, "my-home.", "recorder_prefix_invalid", "my-home."),
    (CONF_STORAGE, CONF_RECORDER_PREFIX, "a.b.", "recorder_prefix_invalid", "a.b."),
    (CONF_STORAGE, CONF_RECORDER_PREFIX, "1_", "recorder_prefix_invalid", "1_"),
    (CONF_STORAGE, CONF_RECORDER_PREFIX, "a" * 65, "recorder_prefix_invalid", "a" * 65),
)


async def test_options_that_are_refused(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What cannot be meant is shown above its section, nothing typed is lost, and it goes on."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    result = await hass.config_entries.options.async_init(entry.entry_id)
    placeholders = result["description_placeholders"] or {}
    assert placeholders["entities"] == placeholders["recorded"] == str(len(hass.states.async_all()))
    flow_id = result["flow_id"]
    for part, field, value, error, text in REFUSED:
        values = {part: {field: value}, CONF_NOTIFICATIONS: {CONF_NOTIFICATIONS: "off"}}
        result = await submit_options(hass, flow_id, values)
        assert errors_of(result) == {part: error}
        assert (result["description_placeholders"] or {})["text"] == text
        assert suggested(result)[part][field] == value
        assert suggested(result)[CONF_NOTIFICATIONS] == {CONF_NOTIFICATIONS: "off"}
    both = {CONF_STORAGE: {CONF_PARTITION_FILTER: "on", CONF_MATERIALIZED_VIEWS: True}}
    result = await submit_options(hass, flow_id, both)
    assert errors_of(result) == {CONF_STORAGE: "materialized_views_filtered"}
    right = {CONF_STORAGE: {CONF_PARTITION_DAYS: 0, CONF_TABLE_LABELS: ["größe:x_1-ä", "b:"]}}
    result = await submit_options(hass, flow_id, right)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("named", "error", "about"),
    [
        ([item("sun.sun", "my sun")], "surrounding_name_invalid", "my sun"),
        ([item("sun.sun", "s.n")], "surrounding_name_invalid", "s.n"),
        ([item("sun.sun", 'a"b')], "surrounding_name_invalid", 'a"b'),
        ([item("sun.sun", "x" * 65)], "surrounding_name_invalid", "x" * 65),
        ([item("sun.sun", "sönne")], "surrounding_name_invalid", "sönne"),
        ([item("sun.sun", "a"), item("light.a", "b\n")], None, None),
        ([item("sun.sun", "a"), item("light.a")], "surrounding_name_twice", "a"),
        ([item("sun.home"), item("light.home")], "surrounding_name_twice", "home"),
        ([item("sun.sun", "a"), item("sun.sun", "b")], "surrounding_twice", "sun.sun"),
        ([item("0" * 32)], "surrounding_unknown", "0" * 32),
        ([item("secret.a")], "surrounding_not_recorded", "secret.a"),
        ([item(f"light.l{number}") for number in range(51)], "surroundings_too_many", "50"),
    ],
)
async def test_context_entities_that_are_refused(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    recorder_mock: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    named: list[dict[str, str]],
    error: str | None,
    about: str | None,
) -> None:
    """What cannot be used is named at its field, nothing typed is lost, and the flow goes on."""
    monkeypatch.setattr(recorder_mock, "entity_filter", generate_filter([], [], ["secret"], []))
    assert await hass.config_entries.async_setup(entry.entry_id)
    configure = hass.config_entries.options.async_configure
    flow_id = await begin_options(hass, entry)
    values = {**what(*named), CONF_TRANSFER: {CONF_BATCH_ROWS: 3000}}
    result = await configure(flow_id, values)
    if error:
        assert errors_of(result) == {CONF_WHAT: error}
        assert (result["description_placeholders"] or {})["surrounding"] == about
        shown = suggested(result)
        assert shown[CONF_WHAT][CONF_CONTEXT_ENTITIES] == named
        assert shown[CONF_TRANSFER][CONF_BATCH_ROWS] == 3000
        result = await configure(flow_id, what(item("sun.sun", "x" * 64)))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_item_needs_an_entity(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A name alone, or a field that there is not, is refused by the form itself."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow_id = await begin_options(hass, entry)
    for refused in ({CONF_NAME: "a"}, {CONF_ENTITY_ID: "sun.sun", "more": "x"}):
        with pytest.raises(InvalidData):
            await hass.config_entries.options.async_configure(flow_id, what(refused))
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_entity_by_its_registry_id(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """An entity that is named by the registry's id is kept by its entity id."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    registered = er.async_get(hass).async_get_or_create("sensor", "test", "1")
    flow_id = await begin_options(hass, entry)
    await hass.config_entries.options.async_configure(flow_id, what(item(registered.id)))
    await hass.async_block_till_done()
    (named,) = options_from(entry.options).choice.context_entities
    assert named == ContextEntity(registered.entity_id, registered.entity_id.partition(".")[2])
    assert await hass.config_entries.async_unload(entry.entry_id)
