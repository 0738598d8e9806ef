"""What is wrong with options that a user has typed, without asking Google."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
import re
from typing import Any

from homeassistant.const import CONF_DOMAINS, CONF_EXCLUDE, CONF_INCLUDE
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS

from ..const import (
    CONF_DROPPED,
    CONF_FREQUENCY,
    CONF_HIDDEN,
    CONF_INTEGRATIONS,
    CONF_KMS_KEY,
    CONF_PARTITION_DAYS,
    CONF_PRIVACY,
    CONF_SCHEDULE,
    CONF_STORAGE,
    CONF_TABLE_LABELS,
    CONF_WEEKDAYS,
    MIN_PARTITION_DAYS,
)
from ..settings.options import label_parts
from ..settings.schedule import Frequency

_GLOB = re.compile(r"[a-z0-9_*?\[\]!-]+\.[a-z0-9_*?\[\]!-]+|\*")
_DOMAIN = re.compile(r"[a-z0-9_]+")
_DROPPED = re.compile(rf"(({_GLOB.pattern}):)?[^:]+")
_LABEL = re.compile(r"[^\W\d_][\w-]{0,62}:[\w-]{0,63}")
"""BigQuery's page "Introduction to labels", "Requirements"; and there are no capitals in it."""
_MOST_LABELS = 64
_KMS_KEY = re.compile(
    r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[\w-]{1,63}/cryptoKeys/[\w-]{1,63}", re.ASCII
)
"""BigQuery's page "Customer-managed Cloud KMS keys", "Key resource ID"."""
_PATTERNS = {
    (CONF_INCLUDE, CONF_ENTITY_GLOBS): (_GLOB, "glob_invalid"),
    (CONF_INCLUDE, CONF_DOMAINS): (_DOMAIN, "domain_invalid"),
    (CONF_INCLUDE, CONF_INTEGRATIONS): (_DOMAIN, "domain_invalid"),
    (CONF_EXCLUDE, CONF_ENTITY_GLOBS): (_GLOB, "glob_invalid"),
    (CONF_EXCLUDE, CONF_DOMAINS): (_DOMAIN, "domain_invalid"),
    (CONF_EXCLUDE, CONF_INTEGRATIONS): (_DOMAIN, "domain_invalid"),
    (CONF_PRIVACY, CONF_DROPPED): (_DROPPED, "attribute_invalid"),
    (CONF_PRIVACY, CONF_HIDDEN): (_GLOB, "glob_invalid"),
}
"""What texts in sections look like, and the error that says so."""

type OptionError = tuple[str, str, str]
"""The section where something is wrong, the error, and the text that it is about."""


def option_errors(user_input: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the first error by its section, if anything cannot be meant so, and its blank.

    Home Assistant shows the errors of a section above it, and none at a field in it.
    """
    for part, error, text in chain(
        _text_errors(user_input),
        _schedule_errors(user_input.get(CONF_SCHEDULE, {})),
        _storage_errors(user_input.get(CONF_STORAGE, {})),
    ):
        return {part: error}, {"text": text}
    return {}, {}


def _text_errors(user_input: Mapping[str, Any]) -> Iterator[OptionError]:
    for (part, field), (pattern, error) in _PATTERNS.items():
        for text in user_input.get(part, {}).get(field, ()):
            if not pattern.fullmatch(text):
                yield part, error, text


def _schedule_errors(values: Mapping[str, Any]) -> Iterator[OptionError]:
    if values.get(CONF_FREQUENCY) == Frequency.WEEKLY and not values.get(CONF_WEEKDAYS):
        yield CONF_SCHEDULE, "weekdays_missing", ""


def _storage_errors(values: Mapping[str, Any]) -> Iterator[OptionError]:
    days = values.get(CONF_PARTITION_DAYS)
    if days and days < MIN_PARTITION_DAYS:
        yield CONF_STORAGE, "partition_days_invalid", str(days)
    yield from _label_errors(values.get(CONF_TABLE_LABELS, ()))
    key = values.get(CONF_KMS_KEY)
    if key and not _KMS_KEY.fullmatch(key):
        yield CONF_STORAGE, "kms_key_invalid", key


def _label_errors(labels: Sequence[str]) -> Iterator[OptionError]:
    keys = set()
    for label in labels:
        key, _ = label_parts(label)
        if not _LABEL.fullmatch(label) or label != label.lower():
            yield CONF_STORAGE, "label_invalid", label
        if key in keys:
            yield CONF_STORAGE, "label_twice", key
        keys.add(key)
    if len(keys) > _MOST_LABELS:
        yield CONF_STORAGE, "labels_too_many", str(_MOST_LABELS)
