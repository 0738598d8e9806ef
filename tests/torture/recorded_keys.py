"""What rows of the recorder are known by, in a copy."""

from tests.home.recorded import STATES

KEYS = {
    "events": ("event_type", "time_fired"),
    "statistics": ("statistic_id", "start"),
    "statistics_short_term": ("statistic_id", "start"),
    STATES: ("entity_id", "last_updated"),
}
IDS = {STATES: "state_id", "events": "event_id"}

type Key = tuple[str, int, int]
"""What a row is about, its time in microseconds since 1970, and the recorder's id."""
