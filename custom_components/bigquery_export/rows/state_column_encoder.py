"""Encoding states that were read column by column, which stay packed until they are bytes."""

from collections.abc import Iterable, Iterator, Sequence

from ..source.state_columns import FRACTION_BITS, StateColumns
from .encoded_rows import EncodedRows
from .encoding import Encoding
from .local_time import QUARTER, SECOND
from .state_fragments import StateFragments
from .times import MICROSECOND_UNITS, Times, as_microseconds
from .ulids import Contexts, whole_ulids
from .yielding import give_way

_MAX_QUARTERS = 96
"""Quarters of an hour in one piece."""


class StateColumnEncoder:
    """Encodes pieces as `StateEncoder` does, or raises one of `UNENCODABLE`.

    It raises where any row cannot be encoded, and where the piece is too odd to be worth it.
    """

    def __init__(self, encoding: Encoding, fragments: StateFragments) -> None:
        """Make an encoder that shares fragments with another one."""
        self._encoding = encoding
        self._fragments = fragments

    def encode(self, piece: StateColumns) -> EncodedRows:
        """Encode a piece whose times and ids stay packed."""
        entities = self._fragments.entities_of(piece.metadata_ids)
        if None in entities:
            piece = piece.only([entity is not None for entity in entities])
            entities = list(filter(None, entities))
            if not entities:
                return EncodedRows()
        names, entity_fragments, rules = zip(*entities, strict=True)
        nothing = [None] * len(piece.ids)
        updated = changed = Times.of(piece.updated)
        states = list(map(self._fragments.changed.__getitem__, piece.states))
        if piece.changed:
            changed = self._changed_times(piece, updated, states)
        quarters, offset = self._quarters_of(updated)
        fragments: list[Sequence[bytes]] = [
            entity_fragments,
            self._fragments.attributes.of(piece.attributes_ids, nothing, rules),
            quarters,
            states,
        ]
        give_way()
        fragments.append(
            self._encoding.fragments(
                {
                    "last_changed": changed,
                    "last_updated": updated,
                    "local_time": updated.moved(offset),
                    "state_id": piece.ids,
                    "context_id": Contexts(piece.contexts),
                }
            )
        )
        fragments += self._rare(piece)
        data = self._encoding.rows(*fragments)
        repaired = self._fragments.attributes.repaired(piece.ids, piece.attributes_ids, nothing)
        times = updated.microseconds().numbers()
        return EncodedRows(
            list(piece.ids), list(names), times, data, changed.days(), repaired=repaired
        )

    def _rare(self, piece: StateColumns) -> Iterator[list[bytes]]:
        """Yield the fragments of columns that few rows have, or none."""
        if parents := {place: parent for place, parent in piece.parents.items() if parent}:
            texts = whole_ulids(list(parents.values()))
            made = self._encoding.fragments({"context_parent_id": texts})
            yield _placed(len(piece.ids), parents, made)
        if users := {place: user for place, user in piece.users.items() if user}:
            made = [self._fragments.users[user] for user in users.values()]
            yield _placed(len(piece.ids), users, made)
        if piece.ambient:
            at = piece.ambient.at
            yield [self._fragments.ambient[at(time)] for time in piece.times]

    def _changed_times(self, piece: StateColumns, updated: Times, states: list[bytes]) -> Times:
        """Return last_changed, and put the fragments of states in that have not just changed."""
        units = list(piece.updated)
        for place, time in piece.changed.items():
            before, units[place] = units[place], time
            if abs(time - before) >= MICROSECOND_UNITS or as_microseconds(time) != as_microseconds(
                before
            ):
                states[place] = self._fragments.unchanged[piece.states[place]]
        extremes = [
            *piece.changed.values(),
            updated.first << FRACTION_BITS,
            updated.last << FRACTION_BITS,
        ]
        return Times.of(units, extremes)

    def _quarters_of(self, times: Times) -> tuple[list[bytes], int]:
        """Return the fragments of quarters of an hour, and the offset of local time in seconds.

        Raises ValueError where the offset changes, or the times are far from each other.
        """
        seconds = QUARTER // SECOND
        number, end = times.first // seconds, times.last // seconds + 1
        if end - number > _MAX_QUARTERS:
            raise ValueError("the times of these rows are far from each other")
        quarters = [self._fragments.quarters[number] for number in range(number, end)]
        offset, rest = divmod(quarters[0].offset, SECOND)
        if rest or any(quarter.offset != quarters[0].offset for quarter in quarters):
            raise ValueError("local time is set while these rows were written")
        if len(quarters) == 1:
            return [quarters[0].fragment] * times.seconds.size, offset
        fragments = [quarter.fragment for quarter in quarters]
        places = times.seconds.plus(-number * seconds).divided(seconds).bytes_at(0)
        return list(map(fragments.__getitem__, places)), offset


def _placed(count: int, places: Iterable[int], fragments: Iterable[bytes]) -> list[bytes]:
    """Return the fragments of a column that is NULL in all other rows."""
    column = [b""] * count
    for place, fragment in zip(places, fragments, strict=True):
        column[place] = fragment
    return column
