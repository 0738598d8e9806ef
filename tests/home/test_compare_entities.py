"""The comparison of registries finds what is wrong."""

from typing import Any

import pytest

from .compare_entities import compare_entities

ENTITY = {
    "id": "1",
    "entity_id": "sensor.a",
    "unique_id": "u",
    "device_id": "d",
    "disabled_by": None,
    "hidden_by": None,
    "entity_category": None,
    "platform": "p",
    "area_id": None,
}
DEVICE = {"id": "d", "name": "Device", "name_by_user": None, "manufacturer": "M", "model": None}
LATEST: dict[str, Any] = {
    **{name: value for name, value in ENTITY.items() if name not in ("id", "platform")},
    "registry_id": "1",
    "integration": "p",
    "device_name": "Device",
    "manufacturer": "M",
    "model": None,
    "labels": [],
}
STATE = {
    "entity_id": "sensor.a",
    "registry_id": "1",
    "unique_id": "u",
    "device_name": "Device",
    "manufacturer": "M",
    "area_id": None,
}
OTHER = dict.fromkeys(STATE) | {"entity_id": "sensor.other"}


def compare(latest: list[dict[str, Any]], states: list[dict[str, Any]]) -> Any:
    """Compare one registered entity with rows of BigQuery."""
    return compare_entities(
        [ENTITY], [DEVICE], lambda sql: latest if "latest" in sql else states, "p.d"
    )


def test_the_same() -> None:
    """Nothing is wrong where everything is as it is in the registries."""
    assert compare([LATEST], [STATE, OTHER]).ok


@pytest.mark.parametrize(
    ("latest", "states"),
    [
        ([], [STATE]),
        ([LATEST, LATEST], [STATE]),
        ([LATEST, LATEST | {"registry_id": "2"}], [STATE]),
        ([LATEST | {"device_name": None}], [STATE]),
        ([LATEST], [STATE, STATE | {"registry_id": None}]),
        ([LATEST], [OTHER | {"manufacturer": "M"}]),
    ],
)
def test_something_else(latest: list[dict[str, Any]], states: list[dict[str, Any]]) -> None:
    """An entity that is missing, doubled, gone or otherwise is found."""
    assert not compare(latest, states).ok
