"""The form of the schedule, which shows only the fields that belong to the frequency."""

from collections.abc import Collection, Mapping
from typing import Any, override

from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TimeSelector,
)
import probatio

from ..const import (
    CONF_EXPORT_TIME,
    CONF_FREQUENCY,
    CONF_MINUTES,
    CONF_MONTH_DAY,
    CONF_WEEKDAYS,
)
from ..settings.options import DEFAULTS
from ..settings.schedule import Frequency, Weekday
from .selectors import choice, choices, number

MINUTES = (5, 10, 15, 20, 30)
"""Parts of an hour: exports run at the same minutes of each hour."""


class _TimeOfDaySelector(TimeSelector):
    """A selector of a time without seconds, which only the frontend's selector can leave out."""

    @override
    def serialize(self) -> dict[str, Any]:
        """Return the selector as the frontend knows it."""
        return {"selector": {self.selector_type: {"no_second": True}}}


SCHEDULE_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_FREQUENCY, default=DEFAULTS.schedule.frequency.value): choice(
            Frequency, CONF_FREQUENCY
        ),
        probatio.Optional(CONF_WEEKDAYS): choices(
            [weekday.value for weekday in Weekday], CONF_WEEKDAYS
        ),
        probatio.Required(CONF_MONTH_DAY, default=DEFAULTS.schedule.month_day): number(1, 31),
        probatio.Required(
            CONF_EXPORT_TIME, default=DEFAULTS.schedule.at.isoformat()
        ): _TimeOfDaySelector(),
        probatio.Required(CONF_MINUTES, default=str(DEFAULTS.schedule.minutes)): SelectSelector(
            SelectSelectorConfig(
                options=[str(minutes) for minutes in MINUTES],
                translation_key=CONF_MINUTES,
                mode=SelectSelectorMode.DROPDOWN,
            )
        ),
    }
)
"""All fields of a schedule."""
_FIELDS: dict[Frequency, frozenset[str]] = {
    Frequency.MANUAL: frozenset(),
    Frequency.LIVE: frozenset(),
    Frequency.MINUTES: frozenset({CONF_MINUTES}),
    Frequency.HOURLY: frozenset(),
    Frequency.DAILY: frozenset({CONF_EXPORT_TIME}),
    Frequency.WEEKLY: frozenset({CONF_EXPORT_TIME, CONF_WEEKDAYS}),
    Frequency.MONTHLY: frozenset({CONF_EXPORT_TIME, CONF_MONTH_DAY}),
}
"""The fields that belong to a frequency."""


class ScheduleSection(section):
    """A closed section with the frequency, and the fields that belong to one.

    Fields of other frequencies are not shown, but may be submitted: so a submission that chooses
    another frequency can be complete.
    """

    def __init__(self, frequency: Frequency) -> None:
        """Show the fields of a frequency."""
        shown = {CONF_FREQUENCY, *_FIELDS[frequency]}
        super().__init__(_only(shown), {"collapsed": True})
        hidden = {
            probatio.Optional(str(field)): selector
            for field, selector in SCHEDULE_SCHEMA.schema.items()
            if field not in shown
        }
        self._accepted = probatio.Schema({**self.schema.schema, **hidden})

    @override
    def __call__(self, value: Any) -> Any:
        """Return what was submitted, with the defaults of the fields that are shown."""
        return self._accepted(value)


def frequency_schema(frequency: Frequency) -> probatio.Schema:
    """Return a form of the fields that belong to a frequency."""
    return _only(_FIELDS[frequency])


def frequency_of(values: Mapping[str, Any]) -> Frequency:
    """Return the frequency of a schedule as it is stored or submitted."""
    return Frequency(values.get(CONF_FREQUENCY, DEFAULTS.schedule.frequency))


def hidden_values(stored: Mapping[str, Any], shown: Frequency) -> dict[str, Any]:
    """Return the stored values that a form with the fields of a frequency does not show."""
    return {
        str(field): stored[field]
        for field in SCHEDULE_SCHEMA.schema
        if field in stored and field not in (CONF_FREQUENCY, *_FIELDS[shown])
    }


def is_complete(submitted: Mapping[str, Any], shown: Frequency) -> bool:
    """Return whether each field of the chosen frequency was shown, or submitted nevertheless."""
    return _FIELDS[frequency_of(submitted)] <= _FIELDS[shown] | submitted.keys()


def _only(fields: Collection[str]) -> probatio.Schema:
    return probatio.Schema(
        {field: selector for field, selector in SCHEDULE_SCHEMA.schema.items() if field in fields}
    )
