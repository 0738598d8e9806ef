"""The rows of a recorder's events, event_data and event_types, for a made-up home."""

from collections.abc import Iterator
from random import Random
from typing import Any

from fnv_hash_fast import fnv1a_32
import orjson

from .recorder_states import Row, make_context_id

EVENT_TYPES_COLUMNS = ("event_type_id", "event_type")
EVENT_DATA_COLUMNS = ("data_id", "hash", "shared_data")
EVENTS_COLUMNS = (
    "event_id",
    "event_type_id",
    "data_id",
    "time_fired_ts",
    "origin_idx",
    "context_id_bin",
    "context_user_id_bin",
    "context_parent_id_bin",
)

type Data = dict[str, Any] | None

_CALLS: list[Data] = [
    *(
        {
            "domain": "light",
            "service": "turn_on",
            "service_data": {"entity_id": ["light.kitchen"], "brightness_pct": brightness},
        }
        for brightness in range(1, 101)
    ),
    *(
        {"domain": "scene", "service": "turn_on", "service_data": {"entity_id": scenes}}
        for scenes in (["scene.salon"], ["scene.kitchen", "scene.salon"])
    ),
]
# Every event type with the data that it may come with; None is an event without data.
CATALOGUE: dict[str, list[Data]] = {
    "call_service": _CALLS,
    "automation_triggered": [
        {"name": name, "entity_id": f"automation.{slug}", "source": source}
        for name, slug, sources in (
            (
                "Lights at dusk",
                "lights_at_dusk",
                ("state of sun.sun", "sunset", "state of person.anna", "state of person.jurgen"),
            ),
            ("Wecker ⏰", "wecker", ("time", "time pattern")),
            ('Close the "salon" cover', "close_salon", ("state of weather.forecast_home",)),
        )
        for source in sources
    ],
    "script_started": [{"name": "Gute Nacht 🌙", "entity_id": "script.good_night"}],
    "logbook_entry": [
        {"name": "Café", "message": "was\nopened", "domain": "lock", "entity_id": "lock.front_door"}
    ],
    "zha_event": [
        {
            "device_ieee": "00:15:8d:00:02:c9:e1:b1",
            "unique_id": f"00:15:8d:00:02:c9:e1:b1:1:0x{cluster:04x}",
            "endpoint_id": 1,
            "cluster_id": cluster,
            "command": "press_type",
            "args": [3, 0, {"nested": [1.5, None, True]}],
            "params": {},
        }
        for cluster in range(6)
    ],
    "mobile_app_notification_action": [{"action": "SILENCE", "reply_text": "später, bitte ☕"}],
    "component_loaded": [{"component": name} for name in ("light", "sensor", "recorder")],
    "homeassistant_start": [None],
    "homeassistant_stop": [None],
}


class EventsMaker:
    """Makes the rows of the three tables. The same random numbers give the same rows."""

    def __init__(self, random: Random) -> None:
        """Give ids to the types and the data."""
        self._random = random
        self._user = random.randbytes(16)
        self._data: list[bytes] = []
        self._kinds: list[tuple[int, int | None]] = []
        for event_type_id, possible in enumerate(CATALOGUE.values(), 1):
            for data in possible:
                if data is not None:
                    self._data.append(orjson.dumps(data))
                self._kinds.append((event_type_id, None if data is None else len(self._data)))

    def types_rows(self) -> Iterator[Row]:
        """Return the rows of event_types."""
        return iter(enumerate(CATALOGUE, 1))

    def data_rows(self) -> Iterator[Row]:
        """Return the rows of event_data."""
        return ((i, fnv1a_32(shared), shared.decode()) for i, shared in enumerate(self._data, 1))

    def rows(self, number: int, start: float, end: float) -> Iterator[Row]:
        """Yield rows of events, in the order of time."""
        random = self._random
        step = (end - start) / max(1, number)
        for event_id in range(1, number + 1):
            timestamp = start + (event_id - random.random()) * step
            chance = random.random()
            yield (
                event_id,
                *random.choice(self._kinds),
                timestamp,
                int(chance > 0.99),
                make_context_id(timestamp, random),
                self._user if chance < 0.1 else None,
                make_context_id(timestamp, random) if 0.2 < chance < 0.4 else None,
            )
