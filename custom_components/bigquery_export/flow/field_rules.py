"""Rules for the fields of forms that need no call to Google, and the errors of forms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
import re
from typing import Any

from homeassistant.components.recorder import is_entity_recorded  # type: ignore[attr-defined]
from homeassistant.const import (
    CONF_DOMAINS,
    CONF_ENTITY_ID,
    CONF_EXCLUDE,
    CONF_INCLUDE,
    CONF_NAME,
)
from homeassistant.core import HomeAssistant, callback, split_entity_id
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS

from ..const import (
    CONF_DROPPED,
    CONF_FREQUENCY,
    CONF_HIDDEN,
    CONF_INTEGRATIONS,
    CONF_KMS_KEY,
    CONF_MATERIALIZED_VIEWS,
    CONF_PARTITION_DAYS,
    CONF_PARTITION_FILTER,
    CONF_PRIVACY,
    CONF_RECORDER_PREFIX,
    CONF_STORAGE,
    CONF_TABLE_LABELS,
    CONF_WEEKDAYS,
)
from ..settings.choices import RECORDER_PREFIX, PartitionFilter
from ..settings.options import label_parts
from ..settings.schedule import Frequency

MAX_CONTEXT_ENTITIES = 50
_CONTEXT_ENTITY_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
"""Names that need no quotes in SQL: `ambient.electricity_price`."""
_MIN_PARTITION_DAYS = 30
"""Longer than exports wait, so that no partition expires before its rows are there."""
GLOB_PATTERN = re.compile(r"[a-z0-9_*?\[\]!-]+\.[a-z0-9_*?\[\]!-]+|\*")
DOMAIN_PATTERN = re.compile(r"[a-z0-9_]+")
_DROPPED = re.compile(rf"(({GLOB_PATTERN.pattern}):)?[^:]+")
_LABEL = re.compile(r"[^\W\d_][\w-]{0,62}:[\w-]{0,63}")
"""BigQuery's page "Introduction to labels", "Requirements"; capital letters are not allowed."""
_MAX_LABELS = 64
_KMS_KEY = re.compile(
    r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[\w-]{1,63}/cryptoKeys/[\w-]{1,63}", re.ASCII
)
"""BigQuery's page "Customer-managed Cloud KMS keys", "Key resource ID"."""
_PATTERNS = {
    (CONF_INCLUDE, CONF_ENTITY_GLOBS): (GLOB_PATTERN, "glob_invalid"),
    (CONF_INCLUDE, CONF_DOMAINS): (DOMAIN_PATTERN, "domain_invalid"),
    (CONF_INCLUDE, CONF_INTEGRATIONS): (DOMAIN_PATTERN, "domain_invalid"),
    (CONF_EXCLUDE, CONF_ENTITY_GLOBS): (GLOB_PATTERN, "glob_invalid"),
    (CONF_EXCLUDE, CONF_DOMAINS): (DOMAIN_PATTERN, "domain_invalid"),
    (CONF_EXCLUDE, CONF_INTEGRATIONS): (DOMAIN_PATTERN, "domain_invalid"),
    (CONF_PRIVACY, CONF_DROPPED): (_DROPPED, "attribute_invalid"),
    (CONF_PRIVACY, CONF_HIDDEN): (GLOB_PATTERN, "glob_invalid"),
}
"""The pattern of texts in sections, and the key of the error for one that does not match."""


class FormError(Exception):
    """A submitted form has errors."""

    def __init__(
        self, errors: Mapping[str, str], placeholders: Mapping[str, str] | None = None
    ) -> None:
        """Take the keys of sentences, by field or "base", and their placeholders."""
        super().__init__(errors)
        self.errors = dict(errors)
        self.placeholders = dict(placeholders or {})


NO_ERROR = FormError({})
"""The errors of a form that was not submitted yet."""


def check_options(user_input: Mapping[str, Any]) -> None:
    """Raise FormError for the first invalid value, at its section.

    Home Assistant shows the errors of a section above it, and none at a field in it.
    """
    for error in chain(
        _text_errors(user_input),
        _storage_errors(user_input.get(CONF_STORAGE, {})),
    ):
        raise error


def check_schedule(values: Mapping[str, Any], field: str) -> None:
    """Raise FormError, at this field of the form, for weekly exports without a day."""
    if values.get(CONF_FREQUENCY) == Frequency.WEEKLY and not values.get(CONF_WEEKDAYS):
        raise FormError({field: "weekdays_missing"})


@callback
def checked_context_entities(
    hass: HomeAssistant, items: Iterable[Mapping[str, Any]], field: str
) -> list[dict[str, str]]:
    """Return context entities as the options store them, each with a name.

    Raises FormError, at this field of the form.
    """

    def error(key: str, about: str) -> FormError:
        return FormError({field: key}, {"surrounding": about})

    checked: dict[str, dict[str, str]] = {}
    for item in items:
        entity_id = er.async_resolve_entity_id(er.async_get(hass), item[CONF_ENTITY_ID].lower())
        if entity_id is None:
            raise error("surrounding_unknown", item[CONF_ENTITY_ID])
        name = item.get(CONF_NAME, "").strip() or split_entity_id(entity_id)[1][:64]
        if not _CONTEXT_ENTITY_NAME.fullmatch(name):
            raise error("surrounding_name_invalid", name)
        if name in checked:
            raise error("surrounding_name_twice", name)
        if entity_id in (other[CONF_ENTITY_ID] for other in checked.values()):
            raise error("surrounding_twice", entity_id)
        if not is_entity_recorded(hass, entity_id):
            raise error("surrounding_not_recorded", entity_id)
        checked[name] = {CONF_ENTITY_ID: entity_id, CONF_NAME: name}
    if len(checked) > MAX_CONTEXT_ENTITIES:
        raise error("surroundings_too_many", str(MAX_CONTEXT_ENTITIES))
    return list(checked.values())


def _error(section: str, key: str, text: str = "") -> FormError:
    return FormError({section: key}, {"text": text})


def _text_errors(user_input: Mapping[str, Any]) -> Iterator[FormError]:
    for (part, field), (pattern, error) in _PATTERNS.items():
        for text in user_input.get(part, {}).get(field, ()):
            if not pattern.fullmatch(text):
                yield _error(part, error, text)


def _storage_errors(values: Mapping[str, Any]) -> Iterator[FormError]:
    days = values.get(CONF_PARTITION_DAYS)
    if days and days < _MIN_PARTITION_DAYS:
        yield _error(CONF_STORAGE, "partition_days_invalid", str(days))
    yield from _label_errors(values.get(CONF_TABLE_LABELS, ()))
    key = values.get(CONF_KMS_KEY)
    if key and not _KMS_KEY.fullmatch(key):
        yield _error(CONF_STORAGE, "kms_key_invalid", key)
    filtered = values.get(CONF_PARTITION_FILTER) == PartitionFilter.ON
    if filtered and values.get(CONF_MATERIALIZED_VIEWS):
        yield _error(CONF_STORAGE, "materialized_views_filtered")
    prefix = values.get(CONF_RECORDER_PREFIX)
    if prefix and not RECORDER_PREFIX.fullmatch(prefix):
        yield _error(CONF_STORAGE, "recorder_prefix_invalid", prefix)


def _label_errors(labels: Sequence[str]) -> Iterator[FormError]:
    keys = set()
    for label in labels:
        key, _ = label_parts(label)
        if not _LABEL.fullmatch(label) or label != label.lower():
            yield _error(CONF_STORAGE, "label_invalid", label)
        if key in keys:
            yield _error(CONF_STORAGE, "label_twice", key)
        keys.add(key)
    if len(keys) > _MAX_LABELS:
        yield _error(CONF_STORAGE, "labels_too_many", str(_MAX_LABELS))
