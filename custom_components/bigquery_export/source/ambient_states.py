"""The states that the context entities had at the times of a piece's rows."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nextafter
from operator import itemgetter
from typing import Any

from homeassistant.components.recorder.db_schema import States
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
)

from .source_table import is_time
from .statements import as_text, fetch

PAGE_STATES = 2_000
"""States in one read at most."""
KEPT_STATES = 4_000
"""Changes that are kept from one piece to the next: more than 15 minutes of a busy home."""

type StatesAtOnce = tuple[str | None, ...]
"""The state of each context entity, in their order; None where it has none, or was removed."""


@dataclass(frozen=True, slots=True)
class AmbientStates:
    """The states that the context entities had at any moment of a span of time."""

    since: Sequence[float]
    """Times in seconds since 1970, ascending: the start of the span, then those of changes."""
    states: Sequence[StatesAtOnce]
    """The states from each time of `since` on. Of several at one time the last holds."""
    until: float
    """The end of the span, inclusive."""

    def at(self, time: float) -> StatesAtOnce:
        """Return the states at a moment of the span."""
        return self.states[bisect_right(self.since, time) - 1]

    def cover(self, time: float) -> bool:
        """Return whether the span includes a moment."""
        return self.since[0] <= time <= self.until

    def newest(self, number: int) -> AmbientStates:
        """Return the latest part of the span that has at most so many changes."""
        if len(self.since) <= number:
            return self
        return AmbientStates(self.since[-number:], self.states[-number:], self.until)


class AmbientReader:
    """Reads the states of the context entities for one run, about once each.

    What is read for a piece is bounded to one page: where that ends earlier, the piece does, too.
    In practice it does not, because the states of the context entities are among the rows.
    """

    def __init__(self, entity_ids: Sequence[str]) -> None:
        """Begin with an empty cache."""
        self._entity_ids = entity_ids
        self._names: Mapping[int, str] = {}
        self._places: dict[int, int] = {}
        """The place of each entity in `entity_ids`, by metadata_id, if the recorder has it."""
        self._known: AmbientStates | None = None

    def learn(
        self, connection: Connection, times: Sequence[float | None], names: Mapping[int, str]
    ) -> tuple[AmbientStates, int]:
        """Return the states for the first rows of a piece, and for how many rows they suffice.

        `times` are those of the rows, in seconds since 1970; None, NaN and infinities are ignored.
        `names` are entity ids by metadata_id.
        """
        self._look_up(names)
        moments = [time for time in times if is_time(time)]
        if not self._places or not moments:
            return AmbientStates((-inf,), ((None,) * len(self._entity_ids),), inf), len(times)
        first, earliest, latest = moments[0], min(moments), max(moments)
        known = self._known
        if known is None or first < known.since[0]:
            known = self._begin(connection, earliest)
        known = self._go_on(connection, known, latest)
        if known.until < first:  # There is more than a page before it.
            known = self._go_on(connection, self._begin(connection, first), latest)
        self._known = known.newest(KEPT_STATES)
        if known.cover(earliest) and known.cover(latest):
            return known, len(times)
        covered = [not is_time(time) or known.cover(time) for time in times]
        return known, covered.index(False)

    def _look_up(self, names: Mapping[int, str]) -> None:
        """Find the metadata_ids of the context entities, if the recorder's were read again."""
        if names is self._names:
            return
        self._names = names
        places = {
            id_: self._entity_ids.index(name)
            for id_, name in names.items()
            if name in self._entity_ids
        }
        if places == self._places:
            return
        self._places = places
        self._known = None
        if places:
            self._before = _before(places)
            self._between = _between(places)

    def _begin(self, connection: Connection, time: float) -> AmbientStates:
        """Return the states at one moment."""
        states: list[str | None] = [None] * len(self._entity_ids)
        # The recorder may have an entity's metadata more than once: its last state counts.
        found = fetch(connection, self._before, {"time": time})
        for _, _, place, state in sorted(found, key=itemgetter(0, 1)):
            states[place] = as_text(state)
        return AmbientStates((time,), (tuple(states),), time)

    def _go_on(self, connection: Connection, known: AmbientStates, until: float) -> AmbientStates:
        """Return the states extended to a later moment, or as far as one page reaches."""
        if until <= known.until:
            return known
        span = {"after": known.until, "until": until}
        rows, until = self._read_page(connection, {**span, "each": PAGE_STATES})
        since, states = list(known.since), list(known.states)
        now = list(states[-1])
        for time, _, place, recorded, _ in sorted(rows, key=itemgetter(0, 1)):
            if time > until:
                break
            state = as_text(recorded)
            if now[place] != state:
                now[place] = state
                since.append(time)
                states.append(tuple(now))
        return AmbientStates(since, states, until)

    def _read_page(
        self, connection: Connection, span: Mapping[str, float]
    ) -> tuple[Sequence[tuple[Any, ...]], float]:
        """Return states of a span, and the time until which they are complete."""
        rows = fetch(connection, self._between, span)
        until = span["until"]
        if len(rows) < PAGE_STATES:
            return rows, until
        # A full page may lack all states of some entities, so read an equal share of each.
        each = PAGE_STATES // len(self._places)
        rows = fetch(connection, self._between, {**span, "each": each})
        for metadata_id in self._places:
            times = [updated for updated, *_, its_id in rows if its_id == metadata_id]
            if len(times) == each:  # There may be more, even at the same time as the last.
                until = min(until, nextafter(max(times), -inf))
        return rows, until


def _before(places: Mapping[int, int]) -> CompoundSelect[Any]:
    """Select each entity's last state up to a time, the highest id of several.

    The columns are time, id, place of the entity and state.
    """
    until = States.last_updated_ts <= bindparam("time")
    found = []
    for metadata_id, place in places.items():
        its_own = States.metadata_id == metadata_id
        last = select(func.max(States.last_updated_ts)).where(its_own, until)
        newest = select(func.max(States.state_id)).where(
            its_own, States.last_updated_ts == last.correlate(None).scalar_subquery()
        )
        found.append(
            select(
                States.last_updated_ts, States.state_id, _number(place).label("place"), States.state
            ).where(States.state_id == newest.correlate(None).scalar_subquery())
        )
    return union_all(*found)


def _between(places: Mapping[int, int]) -> CompoundSelect[Any]:
    """Select states after a time up to another: time, id, place of the entity, state, metadata_id.

    They are the first ones of each entity, in no order.
    """
    after = States.last_updated_ts > bindparam("after")
    until = States.last_updated_ts <= bindparam("until")
    pages = [
        select(
            States.last_updated_ts.label("updated"),
            States.state_id,
            _number(place).label("place"),
            States.state,
            States.metadata_id,
        )
        .where(States.metadata_id == metadata_id, after, until)
        .order_by(States.last_updated_ts)
        .limit(bindparam("each"))
        .subquery()
        for metadata_id, place in places.items()
    ]
    return union_all(*map(select, pages)).limit(PAGE_STATES)


def _number(number: int) -> ColumnElement[int]:
    return literal_column(str(number), Integer)
