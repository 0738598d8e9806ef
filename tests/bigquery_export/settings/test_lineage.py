"""What the export log says of the settings: all that rows depend on, and no private name."""

from typing import Any

import orjson
import pytest

from custom_components.bigquery_export.rows.privacy import Privacy
from custom_components.bigquery_export.settings.lineage import lineage, needs_secret
from custom_components.bigquery_export.settings.options import options_from

PRIVATE = {
    "privacy": {"hidden_entities": ["person.*", "*bedroom*"], "hash_users": True},
    "include": {
        "entities": ["person.anna", "light.hall"],
        "entity_globs": ["sensor.anna_*"],
        "areas": ["hall"],
        "integrations": ["zha"],
    },
    "exclude": {
        "entities": ["sensor.diary"],
        "entity_globs": ["*secret*"],
        "domains": ["sun"],
        "devices": ["0123abcd"],
        "areas": ["dungeon"],
        "labels": ["shame"],
    },
    "surroundings": [{"entity_id": "sensor.bedroom_co2", "name": "air"}],
    "own_columns": [
        {
            "name": "battery",
            "type": "INT64",
            "attribute": "battery_level",
            "entity_globs": ["device_tracker.anna_*"],
            "integrations": ["mobile_app"],
        }
    ],
}


def said(options: dict[str, Any], secret: bytes = b"secret") -> dict[str, Any]:
    """Return what the log says of options."""
    chosen = options_from(options)
    text = lineage(chosen, Privacy(chosen.privacy, secret))
    return dict(orjson.loads(text))


@pytest.mark.all_tables
def test_defaults() -> None:
    """All that rows depend on is there, by the names that options and columns have."""
    assert said({}) == {
        "tables": [
            *("sensor_data", "statistics", "events", "recorder_runs"),
            *("entities", "relationships"),
        ],
        "columns": ["ambient", "attributes", "quality", "registry", "time"],
        "event_presets": [],
        "events": ["automation_triggered", "call_service.scene", "script_started"],
        "context_entities": [],
        "include": {},
        "exclude": {},
        "dropped_attributes": [
            *("access_token", "entity_picture", "entity_picture_local", "stream_source", "token"),
        ],
        "hidden_entities": [],
        "coordinates": "keep",
        "hash_users": False,
        "delivery": "storage_write",
        "own_columns": [],
    }
    assert not needs_secret(options_from({}))


def test_names_that_are_not_exported() -> None:
    """What is excluded or hidden goes by pseudonyms, and so do patterns where any is hidden."""
    text = orjson.dumps(said(PRIVATE)).decode()
    for name in ("anna", "bedroom", "diary", "secret", "0123abcd", "dungeon", "shame"):
        assert name not in text
    settings = said(PRIVATE)
    assert settings["include"]["areas"] == ["hall"]
    assert settings["include"]["integrations"] == ["zha"]
    assert settings["exclude"]["domains"] == ["sun"]
    assert "light.hall" in settings["include"]["entities"]
    privacy = Privacy(options_from(PRIVATE).privacy, b"secret")
    assert privacy.entity("person.anna") in settings["include"]["entities"]
    assert settings["context_entities"] == [
        {"entity_id": privacy.entity("sensor.bedroom_co2"), "name": "air"}
    ]
    (own,) = settings["own_columns"]
    assert own == {
        "name": "battery",
        "type": "INT64",
        "attribute": "battery_level",
        "entity_globs": [privacy.pseudonym("device_tracker.anna_*")],
        "integrations": ["mobile_app"],
    }
    (pattern,) = said({"include": {"entity_globs": ["sensor.a_*"]}})["include"]["entity_globs"]
    assert pattern == "sensor.a_*"


@pytest.mark.parametrize("options", [PRIVATE, {"exclude": PRIVATE["exclude"]}])
def test_pseudonyms_have_a_secret(options: dict[str, Any]) -> None:
    """No name can be found by trying out which one has a pseudonym."""
    assert needs_secret(options_from(options))
    one, other = (said(options, secret)["exclude"] for secret in (b"one", b"other"))
    assert one["domains"] == other["domains"]
    assert not set(one["entities"]) & set(other["entities"])


@pytest.mark.parametrize(
    "change",
    [
        {"tables": ["sensor_data"]},
        {"columns": ["time"]},
        {"events": ["automation_triggered"]},
        {"event_presets": ["log"]},
        {"surroundings": [{"entity_id": "sensor.a", "name": "a"}]},
        {"include": {"domains": ["light"]}},
        {"exclude": {"entities": ["light.a"]}},
        {"privacy": {"dropped_attributes": []}},
        {"privacy": {"dropped_attributes": ["camera.*:token"]}},
        {"privacy": {"coordinates": "round"}},
        {"privacy": {"hash_users": True}},
        {"privacy": {"hidden_entities": ["person.a"]}},
        {"delivery": "load_job"},
        *(
            {"own_columns": [{"name": "a", "type": "FLOAT64"} | change]}
            for change in (
                {},
                *({"name": "b"}, {"type": "INT64"}, {"attribute": "level"}),
                *({"unit_of_measurement": "K"}, {"value_unit": "K"}, {"domains": ["light"]}),
            )
        ),
    ],
    ids=str,
)
def test_changes(change: dict[str, Any]) -> None:
    """A change of anything that rows depend on is another text, and the old options the old one."""
    assert said(change) != said({})
    assert said(change) == said(change)


def test_order_and_other_options() -> None:
    """Neither the order in which things were chosen is a change, nor what no row depends on."""
    one, other = (
        said({"include": {"domains": domains}, "frequency": frequency, "batch_rows": rows})
        for domains, frequency, rows in ((["a", "b"], "daily", 10), (["b", "a"], "hourly", 20))
    )
    assert one == other
