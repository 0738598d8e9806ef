"""Reading those of the recorder's events that a user has chosen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast, override

from homeassistant.components.recorder.db_schema import EventData, Events, EventTypes
from homeassistant.core import HomeAssistant
from sqlalchemy import Connection, Select, bindparam, func, select

from .lookup_cache import SharedTexts, TextsByIds
from .plan import PIECE_ROWS
from .reader import TableReader
from .source_table import Anchor, SourceTable
from .statements import as_text, fetch, fetch_before_damage

type EventRow = tuple[
    int,  # event_id
    int | None,  # event_type_id
    int | None,  # data_id
    str | None,  # event_data, where rows from before 2022 still have their own
    float | None,  # time_fired_ts, seconds since 1970
    int | None,  # origin_idx, 0 = local, 1 = remote
    str | None,  # origin, where rows from before 2022 still have it as text
    bytes | None,  # context_id_bin, a ULID
    bytes | None,  # context_user_id_bin, a UUID
    bytes | None,  # context_parent_id_bin, a ULID
]

_WINDOW = 50_000
"""Ids that one read scans at most to find the chosen events."""

EVENTS = SourceTable(
    columns=(
        Events.event_id,
        Events.event_type_id,
        Events.data_id,
        Events.event_data,
        Events.time_fired_ts,
        Events.origin_idx,
        Events.origin,
        Events.context_id_bin,
        Events.context_user_id_bin,
        Events.context_parent_id_bin,
    ),
    fingerprint=(Events.time_fired_ts, Events.context_id_bin),
    identity=(Events.event_type_id, Events.time_fired_ts),
    times=(Events.time_fired_ts,),
    purged_by=Events.time_fired_ts,
)
_DATA = TextsByIds(EventData.data_id, EventData.shared_data)
_EVENT_TYPES = select(EventTypes.event_type_id, EventTypes.event_type).where(
    EventTypes.event_type.in_(bindparam("types", expanding=True))
)
_FIRST = select(func.min(Events.event_id)).where(
    Events.event_id >= bindparam("first"), Events.event_id <= bindparam("until")
)
_LAST = (
    select(*EVENTS.columns)
    .where(Events.event_id <= bindparam("until"))
    .order_by(Events.event_id.desc())
    .limit(1)
)
_WAITING = (
    select(func.count())
    .select_from(Events)
    .where(
        Events.event_id > bindparam("after"),
        Events.event_id <= bindparam("until"),
        Events.event_type_id.in_(
            select(EventTypes.event_type_id).where(
                EventTypes.event_type.in_(bindparam("types", expanding=True))
            )
        ),
    )
)


@cache
def _chosen(rows: Select[Any]) -> Select[Any]:
    """Return the statement for those rows that are of some types, made once."""
    return _of_types(rows)


def _of_types(rows: Select[Any]) -> Select[Any]:
    """Return the statement for those rows that are of some types."""
    # A sum keeps the database from using the index of the types. That would give all events of
    # these types in the order of time, to be sorted by id again for each piece.
    return rows.where((Events.event_type_id + 0).in_(bindparam("types", expanding=True)))


@dataclass(frozen=True, slots=True)
class EventsPiece:
    """Up to 1,250 events, and the rows that their foreign keys refer to.

    It may have no events: then none of those that were scanned is of a chosen type.
    """

    rows: Sequence[EventRow]
    event_types: Mapping[int, str | None]
    """The chosen event types by event_type_id."""
    data: Mapping[int, str | None]
    """JSON text by data_id; the same text is the same object throughout a run."""
    last: Anchor
    """The last event that was scanned, of whatever type."""


class EventsReader(TableReader[EventRow]):
    """Reads the events of some types for one run."""

    def __init__(self, hass: HomeAssistant, types: Collection[str]) -> None:
        """Make a reader of events of these types, with an empty cache."""
        super().__init__(hass, EVENTS)
        self._types = frozenset(types)
        self._chosen_rows = _chosen(self._plan.rows)
        self._data = SharedTexts(_DATA)

    @override
    def _count(self, after: int, until: int) -> int:
        """Return how many events of the chosen types there are, by reading all of them."""
        bounds = {"after": after, "until": until, "types": sorted(self._types)}
        return self._counted(_WAITING, bounds)

    @override
    def narrow(self, first: float, last: float) -> None:
        """Read few events from now on outside two times, in seconds since 1970."""
        super().narrow(first, last)
        self._chosen_rows = _of_types(self._plan.rows)

    def read(self, after: int, until: int, limit: int = PIECE_ROWS) -> EventsPiece | None:
        """Return the next chosen events with `after` < id <= `until`.

        Returns None when there are no events at all, and a piece without events when none of
        those that were scanned is chosen.
        """
        limit = min(limit, PIECE_ROWS)
        with self._database.connected() as connection:
            first = connection.execute(_FIRST, {"first": after + 1, "until": until}).scalar()
            if first is None:
                return None
            until = min(until, first + _WINDOW - 1)
            chosen = {"types": sorted(self._types)}
            types = {id_: as_text(name) for id_, name in fetch(connection, _EVENT_TYPES, chosen)}
            bounds = {
                "first": after + 1,
                "until": until,
                "limit": limit,
                "types": list(types),
            }
            found, is_cut = fetch_before_damage(connection, self._chosen_rows, bounds)
            rows = cast(Sequence[EventRow], found)
            data = self._data.learn(connection, set(EVENTS.values(rows, "data_id")))
            is_last = is_cut or len(rows) == limit
            last = rows[-1] if is_last else self._last(connection, until)
        return EventsPiece(rows, types, data, self._anchor(last))

    def _last(self, connection: Connection, until: int) -> EventRow:
        """Return the last event that the database scanned, chosen or not."""
        (row,) = fetch(connection, _LAST, {"until": until})
        return cast(EventRow, row)
