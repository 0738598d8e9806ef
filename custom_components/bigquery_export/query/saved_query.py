"""A query that is saved in a config subentry: what it asks, and how often at most."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Self

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
import orjson

from .query_request import QueryRequest
from .questions import statement_of

CONF_COLUMN = "column"
CONF_HOURS = "hours"
DEFAULT_HOURS = 24
MAX_HOURS = 8_760
_HOUR = 3_600.0


class SavedQueryType(StrEnum):
    """The types of subentries."""

    SENSOR = "sensor"
    STATISTIC = "statistic"


_MAX_ROWS = {SavedQueryType.SENSOR: 1, SavedQueryType.STATISTIC: 1_000_000}
"""An answer never has more than 8 MB, which is a statistic of nine years and more."""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query of a config subentry."""

    subentry_id: str
    type: SavedQueryType
    title: str
    unique_id: str | None
    """Of a statistic, its id."""
    data: Mapping[str, Any]

    @classmethod
    def of(cls, subentry: ConfigSubentry) -> Self:
        """Return the query of a subentry."""
        return cls(
            subentry.subentry_id,
            SavedQueryType(subentry.subentry_type),
            subentry.title,
            subentry.unique_id,
            dict(subentry.data),
        )

    @property
    def seconds(self) -> float:
        """Return the least seconds between two times that it is asked."""
        return float(self.data.get(CONF_HOURS, DEFAULT_HOURS)) * _HOUR

    @property
    def statistic_id(self) -> str:
        """Return the id of its statistic; empty where it is none."""
        return self.unique_id or "" if self.type is SavedQueryType.STATISTIC else ""

    @property
    def digest(self) -> str:
        """Return what tells it from a query that was changed."""
        data = orjson.dumps(dict(self.data), option=orjson.OPT_SORT_KEYS)
        return blake2b(data, digest_size=8).hexdigest()

    def request(self, entry: ConfigEntry) -> QueryRequest:
        """Return what is to be asked now. Raises ExportError."""
        return saved_request(self.type, self.data, entry)


def saved_queries(entry: ConfigEntry) -> list[SavedQuery]:
    """Return the queries of all subentries."""
    types = list(SavedQueryType)
    return [
        SavedQuery.of(subentry)
        for subentry in entry.subentries.values()
        if subentry.subentry_type in types
    ]


def saved_request(
    type_: SavedQueryType, data: Mapping[str, Any], entry: ConfigEntry
) -> QueryRequest:
    """Return what a subentry with such data asks now. Raises ExportError."""
    return QueryRequest(statement_of(data, entry), max_rows=_MAX_ROWS[type_])
