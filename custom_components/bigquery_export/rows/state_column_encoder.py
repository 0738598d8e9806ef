"""Encoding states that were read column by column, which stay packed until they are bytes."""

from collections.abc import Iterable, Iterator, Sequence

from ..source.state_columns import StateColumns
from .attributes_encoder import RowSets
from .encoded_rows import EncodedRows
from .encoding import Encoding
from .known_states import fragments_of
from .local_time import QUARTER, SECOND
from .state_fragments import StateFragments
from .times import Times
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
        exported = self._fragments.names
        if new := set(piece.metadata_ids).difference(exported):
            self._fragments.learn_entities(new)
            if new.difference(exported):
                piece = piece.only([metadata_id in exported for metadata_id in piece.metadata_ids])
                if not piece.ids:
                    return EncodedRows()
        nothing = [None] * len(piece.ids)
        updated = changed = Times.of(piece.updated)
        times = updated.microseconds().numbers()
        days = updated.days()
        rules = self._fragments.own_rules(piece.metadata_ids)
        sets = RowSets(piece.metadata_ids, piece.attributes_ids, nothing, rules)
        of_attributes = self._fragments.attributes.of(sets)
        known = self._fragments.known_states(sets)
        if piece.changed:
            others = Times.of(list(piece.changed.values()))
            changed = updated.replaced(piece.changed, others)
            # Mostly all rows are of one day, and few have changed on others.
            several = len(days) > 1 or others.seconds.size == len(times)
            days = changed.days() if several else days | others.days()
            for place, time in zip(piece.changed, others.microseconds().numbers(), strict=True):
                if time != times[place]:
                    known[place] = known[place].unchanged
        quarters, offset = self._quarters_of(updated)
        fragments: list[Sequence[bytes]] = [
            list(map(self._fragments.entity_fragments.__getitem__, piece.metadata_ids)),
            of_attributes,
            quarters,
            fragments_of(piece.states, known),
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
        names = list(map(exported.__getitem__, piece.metadata_ids))
        unfit = self._fragments.unfit(piece.states, sets)
        return EncodedRows(
            list(piece.ids), names, times, data, days, repaired=repaired, unfit=unfit
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
