"""Compare Home Assistant's registries, as its websocket API shows them, with BigQuery."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .comparison import Comparison, Difference, Key, Query, Values, compare_keys

ENTITIES = "entities"
_SAME = ("entity_id", "unique_id", "device_id", "disabled_by", "hidden_by", "entity_category")
"""What the registry calls as BigQuery does."""


def compare_entities(
    entities: Sequence[Mapping[str, Any]],
    devices: Sequence[Mapping[str, Any]],
    query: Query,
    dataset: str,
) -> Comparison:
    """Compare what holds of entities, and the facts in their states, with the registries.

    `entities` and `devices` are what config/entity_registry/list and config/device_registry/list
    return; no device has an area or a label.
    """
    expected = _expected(entities, devices)
    rows = query(f"SELECT * FROM `{dataset}.entities_latest`")  # noqa: S608 - our own names
    must = Counter[Key]((id_, 0) for id_ in expected)
    there = Counter[Key]((str(row["registry_id"]), 0) for row in rows)
    differences = [
        Difference((id_, 0), name, value, row[name])
        for row in rows
        for id_ in [str(row["registry_id"])]
        for name, value in expected.get(id_, {}).items()
        if row[name] != value
    ]
    differences += _differences_of_states(expected, query, dataset)
    return compare_keys(must, Counter[Key](), there, sampled=len(rows), differences=differences)


def _expected(
    entities: Sequence[Mapping[str, Any]], devices: Sequence[Mapping[str, Any]]
) -> dict[str, Values]:
    """Return what BigQuery must hold of each entity, by the registry's id."""
    by_id = {device["id"]: device for device in devices}
    expected = {}
    for entity in entities:
        device = by_id.get(entity["device_id"], {})
        expected[entity["id"]] = {
            **{name: entity[name] for name in _SAME},
            "integration": entity["platform"],
            "device_name": device.get("name_by_user") or device.get("name"),
            "manufacturer": device.get("manufacturer"),
            "model": device.get("model"),
            "area_id": entity["area_id"],
            "labels": [],
        }
    return expected


def _differences_of_states(
    expected: Mapping[str, Values], query: Query, dataset: str
) -> list[Difference]:
    """Return facts in states that are not those of the entity; most are of none."""
    by_name = {values["entity_id"]: (id_, values) for id_, values in expected.items()}
    differences = []
    for row in query(
        "SELECT DISTINCT entity_id, registry_id, unique_id, device_name, manufacturer, area_id"  # noqa: S608
        f" FROM `{dataset}.sensor_data`"
    ):
        id_, values = by_name.get(row["entity_id"], (None, {}))
        right = {name: values.get(name) for name in row} | {
            "entity_id": row["entity_id"],
            "registry_id": id_,
        }
        differences += [
            Difference((str(row["entity_id"]), 0), name, right[name], row[name])
            for name in row
            if row[name] != right[name]
        ]
    return differences
