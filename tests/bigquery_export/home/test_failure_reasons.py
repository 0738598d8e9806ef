"""Why an integration has failed, without what is private."""

from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentryData
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.home.failure_reasons import failure_reason

ENTRY = {
    "title": "Ada's hub",
    "unique_id": "00:17:88:01",
    "data": {
        "host": "attic-hub",
        "port": 8123,
        "username": "ada@example.org",
        "ssl": True,
        "nested": [{"pin": 4711}, {"code": "xy"}],
    },
    "options": MappingProxyType({"area": "Bedroom"}),
    "subentries_data": [
        ConfigSubentryData(
            data={"key": "sesame"}, subentry_type="a", title="Bob", unique_id="Carol"
        )
    ],
}


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("Timeout while connecting", "Timeout while connecting"),
        ("Cannot reach attic-hub:8123", "Cannot reach …:…"),
        ("ATTIC-HUB refused 4711 of ada@example.org", "… refused … of …"),
        ("Ada's hub in the bedroom is gone", "… in the … is gone"),
        ("The hub of Ada's is gone", "The … of … is gone"),
        ("sesame, Bob and Carol; 00:17:88:01", "…, … and …; …"),
        ("Error xy at attic-hubs", "Error xy at attic-hubs"),
        ("Host 192.168.178.20: no route, 300.5 ms", "Host …: no route, 300.5 ms"),
        ("at fe80::1ff:fe23:4567:890a or ::1", "at … or …"),
        ("device AA:BB:CC:DD:EE:FF, 12:30 o'clock", "device …, 12:30 o'clock"),
        ("GET https://u:p@cloud.test/x?token=1 failed", "GET … failed"),
        ("printer.local did not answer", "… did not answer"),
        ("401: eyJ0eXAiOiJKV1QiLCJhbGci", "401: …"),
        ("account x.y+z@mail.test is locked", "account … is locked"),
        ("half \ud800", "half ?"),
        ("a b " * 200, ("a b " * 200)[:300]),
        ("", None),
        (None, None),
    ],
)
def test_reason(reason: str | None, sent: str | None) -> None:
    """What the entry is called and set up with, and addresses, are taken out."""
    entry = MockConfigEntry(reason=reason, **ENTRY)
    assert failure_reason(entry) == sent
