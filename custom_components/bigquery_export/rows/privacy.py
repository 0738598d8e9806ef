"""Privacy rules for what leaves the home: attributes, coordinates, users and hidden entities.

They are applied before rows are encoded, so that nothing else is sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
import hmac
import re
from typing import Any, cast

from homeassistant.const import ATTR_LATITUDE, ATTR_LONGITUDE, ATTR_NAME
import orjson

from .columns import Values
from .json_objects import as_json

DEFAULT_DROPPED = (
    "access_token",
    "entity_picture",
    "entity_picture_local",
    "stream_source",
    "token",
)
"""Tokens that open cameras and media without a password, and pictures' URLs, which contain them."""

_ATTRIBUTES = "attributes"
_CAPABILITIES = "capabilities"
_STATES = frozenset({"old_state", "new_state"})
"""Where the data of the event `state_changed` have states."""
_PLACES = frozenset({ATTR_LATITUDE, ATTR_LONGITUDE})
_DECIMALS = 2
"""About a kilometre."""
_DOMAIN = re.compile(r"[a-z0-9_]+[.:]")
_ENTITY_ID = re.compile(r"\b[a-z][a-z0-9_]*\.[a-z0-9][a-z0-9_]*\b")
_REMEMBERED = 10_000
_KNOWN_OF_HIDDEN = frozenset(
    {"domain", "integration", "entity_category", "area_id", "area_name", "floor_id", "floor_name"}
    | {"device_class", "state_class", "unit_of_measurement", "disabled_by", "hidden_by", "created"}
)
"""Columns that are sent of a hidden entity; all others would tell which one it is."""


class Coordinates(StrEnum):
    """How latitudes and longitudes in attributes are sent."""

    KEEP = "keep"
    ROUND = "round"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class PrivacyChoice:
    """What a user wants kept at home."""

    dropped: tuple[str, ...] = DEFAULT_DROPPED
    """Attributes to drop: `name`, or `entity glob:name` for those of some entities."""
    coordinates: Coordinates = Coordinates.KEEP
    hash_users: bool = False
    hidden: tuple[str, ...] = ()
    """Globs of entities that are sent under a pseudonym."""

    @property
    def needs_secret(self) -> bool:
        """Return whether there are pseudonyms, which could be guessed without a secret."""
        return self.hash_users or bool(self.hidden)


class Privacy:
    """Replaces and removes what must not leave the home; it may be used in any thread."""

    def __init__(self, choice: PrivacyChoice | None = None, secret: bytes = b"") -> None:
        """Prepare; the secret keeps others from trying out which name a pseudonym stands for."""
        choice = choice or PrivacyChoice()
        self._secret = secret
        self._hash_users = choice.hash_users
        self._coordinates = choice.coordinates
        self._dropped = frozenset(name for name in choice.dropped if ":" not in name)
        self._dropped_of = [
            (re.compile(translate(glob)), name)
            for glob, _, name in (rule.rpartition(":") for rule in choice.dropped)
            if glob
        ]
        self._hidden = [re.compile(translate(glob)) for glob in choice.hidden]
        self._as_it_is = not (
            self._hidden or choice.hash_users or choice.coordinates is not Coordinates.KEEP
        )
        """Whether data leave the home unchanged."""
        remembered = lru_cache(_REMEMBERED)
        self.hides_entities = bool(self._hidden)
        """Whether some entities are sent under a pseudonym."""
        self.has_own_rules = bool(self._hidden or self._dropped_of)
        """Whether attributes of some entities have rules of their own."""
        self.is_hidden: Callable[[str], bool] = remembered(self._is_hidden)
        """Returns whether an entity is sent under a pseudonym."""
        self.own_rules: Callable[[str], str | None] = remembered(self._own_rules)
        """Returns the entity if its attributes have rules of their own, else None."""
        self._pseudonym = remembered(self._hash)

    def user(self, user_id: str | None) -> str | None:
        """Return a user's id in BigQuery."""
        if user_id is None or not self._hash_users:
            return user_id
        return self._pseudonym(user_id, 32)

    def serial_number(self, text: str | None) -> str | None:
        """Return the pseudonym of a device's serial number; None without a secret to make it."""
        return self._hash(text, 32) if text and self._secret else None

    def entity(self, entity_id: str) -> str:
        """Return the id in BigQuery of an entity, or of a statistic that is of none.

        A pseudonym keeps the domain, or the name of the integration that brought a statistic in.
        """
        return self.pseudonym(entity_id) if self.is_hidden(entity_id) else entity_id

    def pseudonym(self, name: str) -> str:
        """Return the pseudonym of an entity, a statistic, or a glob of entities."""
        domain = _DOMAIN.match(name)
        return f"{domain[0] if domain else ''}hidden_{self._pseudonym(name, 16)}"

    def registry_values(self, entity_id: str, values: Values) -> Values:
        """Return the registry values of an entity that may be sent, by column, and its id there."""
        if not self.is_hidden(entity_id):
            capabilities = values.get(_CAPABILITIES)
            if capabilities is None:
                return values
            return {**values, _CAPABILITIES: self._capabilities(entity_id, capabilities)}
        known = {name: value for name, value in values.items() if name in _KNOWN_OF_HIDDEN}
        return known | {"entity_id": self.entity(entity_id)}

    def _capabilities(self, entity_id: str, text: str) -> str | None:
        """Return what an entity offers without what is dropped: it becomes attributes, too."""
        capabilities = orjson.loads(text)
        sent = self.attributes(self.own_rules(entity_id), capabilities)
        return text if sent is capabilities else as_json(sent) if sent else None

    def attributes(self, entity_id: str | None, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes as they may leave the home: the same mapping if unchanged.

        `entity_id` is None for an entity without rules of its own.
        """
        return cast(dict[str, Any], self.data(self._allowed(entity_id, attributes)))

    def _allowed(self, entity_id: str | None, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes that are not dropped: the same mapping if none is."""
        dropped = self._dropped
        if entity_id is not None:
            dropped |= {name for glob, name in self._dropped_of if glob.match(entity_id)}
            if self.is_hidden(entity_id):
                dropped |= attributes.keys() - _KNOWN_OF_HIDDEN
        if dropped.isdisjoint(attributes):
            return attributes
        return {name: value for name, value in attributes.items() if name not in dropped}

    def event(self, entity_id: str | None, data: dict[str, Any]) -> dict[str, Any]:
        """Return the data of an event as they may leave the home: the same mapping if unchanged."""
        if entity_id is not None and self.is_hidden(entity_id):
            data = {name: value for name, value in data.items() if name != ATTR_NAME}
        for name in _STATES.intersection(data):
            data = {**data, name: self._state(entity_id, data[name])}
        return cast(dict[str, Any], self.data(data))

    def _state(self, entity_id: str | None, state: object) -> object:
        """Return a state in the data of an event without the attributes that are dropped."""
        attributes = state.get(_ATTRIBUTES) if isinstance(state, dict) else None
        if not (isinstance(state, dict) and isinstance(attributes, dict)):
            return state
        own_rules = entity_id and self.own_rules(entity_id)
        return {**state, _ATTRIBUTES: self._allowed(own_rules or None, attributes)}

    def data(self, value: object) -> object:
        """Return a value from event data or attributes as it may leave the home."""
        return value if self._as_it_is else self._data(value)

    def _data(self, value: object) -> object:
        match value:
            case str() if self._hidden:
                return _ENTITY_ID.sub(lambda found: self.entity(found[0]), value)
            case list():
                return [self._data(part) for part in value]
            case dict():
                return {
                    self._data(name): self._member(name, part)
                    for name, part in value.items()
                    if name not in _PLACES or self._coordinates is not Coordinates.DROP
                }
        return value

    def _member(self, name: str, value: object) -> object:
        if name in _PLACES and self._coordinates is Coordinates.ROUND:
            return round(value, _DECIMALS) if isinstance(value, int | float) else None
        if name.endswith("user_id") and isinstance(value, str):
            return self.user(value)
        return self._data(value)

    def _is_hidden(self, entity_id: str) -> bool:
        return any(glob.match(entity_id) for glob in self._hidden)

    def _own_rules(self, entity_id: str) -> str | None:
        special = self.is_hidden(entity_id) or any(
            glob.match(entity_id) for glob, _ in self._dropped_of
        )
        return entity_id if special else None

    def _hash(self, text: str, length: int) -> str:
        return hmac.digest(self._secret, text.encode(), "sha256").hex()[:length]
