"""The rows of a recorder's states, state_attributes and states_meta, for a made-up home."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from random import Random
from typing import NamedTuple

from fnv_hash_fast import fnv1a_32
import orjson

from .attributes import Attributes, recorded
from .entities import Entity

type Row = tuple[object, ...]

STATES_META_COLUMNS = ("metadata_id", "entity_id")
STATE_ATTRIBUTES_COLUMNS = ("attributes_id", "hash", "shared_attrs")
STATES_COLUMNS = (
    "state_id",
    "old_state_id",
    "metadata_id",
    "state",
    "attributes_id",
    "last_updated_ts",
    "last_changed_ts",
    "last_reported_ts",
    "origin_idx",
    "context_id_bin",
    "context_user_id_bin",
    "context_parent_id_bin",
)

COMMIT_INTERVAL = 5.0
CLOCK_ERROR = 900.0
USERS = 3
CAPABILITIES = ("state_class", "unit_of_measurement", "device_class", "friendly_name")


REVISITS = 0.02
"""How often an entity has attributes again that it had long before."""
OWN_SETS = 1 / 3


class Sets(StrEnum):
    """Which sets of attributes the states have."""

    IN_TURN = "in turn"
    """Each entity has its sets in turn, for ever: the order that no cache can do anything about."""
    BY_TIME = "by time"
    """What today's Home Assistant records of them, a new one now and then."""
    OWN = "own"
    """The same, but a third of the states have one of their own."""


class _Change(NamedTuple):
    """A row of states that has no id yet; from `state` on, the fields are the row's."""

    metadata_id: int
    state: str | None
    attributes_id: int
    last_updated_ts: float
    last_changed_ts: float | None
    last_reported_ts: float | None
    origin_idx: int
    context_id: bytes
    user_id: bytes | None
    parent_id: bytes | None


def make_context_id(timestamp: float, random: Random) -> bytes:
    """Return the 16 bytes of a ULID: 48 bits of milliseconds, 80 random ones."""
    return int(timestamp * 1000).to_bytes(6) + random.randbytes(10)


class StatesMaker:
    """Makes the rows of the three tables. The same random numbers give the same rows."""

    def __init__(
        self, entities: Sequence[Entity], random: Random, sets: Sets = Sets.IN_TURN
    ) -> None:
        """Give ids to the entities, and, if they have them in turn, to their attributes."""
        self._entities = entities
        self._random = random
        self._sets = sets
        self._attributes_ids: dict[bytes, int] = {}
        self._users = [random.randbytes(16) for _ in range(USERS)]
        self._removed = self._attributes_id({})
        if sets is Sets.IN_TURN:
            self._available = [[self._attributes_id(a) for a in e.attributes] for e in entities]
        else:
            self._recorded = [
                [recorded(e.entity_id, attributes) for attributes in e.attributes] for e in entities
            ]
        # An unavailable entity keeps what it is able to do and loses what it was doing.
        self._unavailable = [
            self._attributes_id({k: v for k, v in e.attributes[0].items() if k in CAPABILITIES})
            for e in entities
        ]

    def _attributes_id(self, attributes: Attributes) -> int:
        return self._attributes_ids.setdefault(
            orjson.dumps(attributes), len(self._attributes_ids) + 1
        )

    def meta_rows(self) -> Iterator[Row]:
        """Return the rows of states_meta."""
        return ((number, entity.entity_id) for number, entity in enumerate(self._entities, 1))

    def attributes_rows(self) -> Iterator[Row]:
        """Return the rows of state_attributes for the states so far: equal ones are one row."""
        return (
            (attributes_id, fnv1a_32(shared), shared.decode())
            for shared, attributes_id in self._attributes_ids.items()
        )

    def rows(self, number: int, start: float, end: float) -> Iterator[Row]:
        """Yield rows of states by their ids, which is not quite by time.

        As in a real recorder: SQLAlchemy writes the rows of one commit by their depth in the
        chain of old_state_id, and a clock that was wrong is put right.
        """
        newest: dict[int, int] = {}
        state_id = 0
        for commit in _commits(self._changes(number, start, end)):
            for change in _in_order_of_flush(commit):
                state_id += 1
                yield state_id, newest.get(change.metadata_id), *change
                newest[change.metadata_id] = state_id

    def _changes(self, number: int, start: float, end: float) -> Iterator[_Change]:
        random = self._random
        shares = [entity.share for entity in self._entities]
        chosen = random.choices(range(len(self._entities)), shares, k=number)
        steps = [0] * len(self._entities)
        last_state: list[str | None] = [None] * len(self._entities)
        last_changed = [start] * len(self._entities)
        for entity, timestamp in zip(chosen, _times(number, start, end, random), strict=True):
            passed = (timestamp - start) / (end - start)
            state, attributes_id = self._next(entity, timestamp, steps, passed)
            if state is not None and state == last_state[entity]:
                changed: float | None = last_changed[entity]
            else:
                changed = None
                last_state[entity], last_changed[entity] = state, timestamp
            chance = random.random()
            context = make_context_id(timestamp, random)
            yield _Change(
                metadata_id=entity + 1,
                state=state,
                attributes_id=attributes_id,
                last_updated_ts=timestamp,
                last_changed_ts=changed,
                last_reported_ts=timestamp + 300 * chance if chance < 0.3 else None,
                origin_idx=int(chance > 0.999),
                context_id=context,
                user_id=random.choice(self._users) if 0.5 < chance < 0.52 else None,
                parent_id=make_context_id(timestamp, random) if 0.6 < chance < 0.65 else None,
            )

    def _next(
        self, entity: int, timestamp: float, steps: list[int], passed: float
    ) -> tuple[str | None, int]:
        """Return an entity's next state and its attributes' id.

        `passed` is which share of the whole time has passed.
        """
        chance = self._random.random()
        if chance < 0.003:
            return "unavailable", self._unavailable[entity]
        if chance < 0.0035:
            return "unknown", self._unavailable[entity]
        if chance < 0.0038:
            return None, self._removed
        state = self._entities[entity].next_state(timestamp, self._random)
        steps[entity] += 1
        if self._sets is Sets.IN_TURN:
            in_turn = self._available[entity]
            return state, in_turn[steps[entity] % len(in_turn)]
        return state, self._attributes_id(self._attributes(entity, steps[entity], passed))

    def _attributes(self, entity: int, step: int, passed: float) -> Attributes:
        """Return the attributes of a state, as they are recorded."""
        random, sets = self._random, self._recorded[entity]
        newest = min(len(sets) - 1, int(max(0.0, passed) * len(sets)))
        if random.random() < REVISITS:
            newest = random.randrange(newest + 1)
        if self._sets is Sets.OWN and random.random() < OWN_SETS:
            return sets[newest] | {"last_message": step}
        return sets[newest]


def _times(number: int, start: float, end: float, random: Random) -> Iterator[float]:
    """Yield rising times: even, jittered, some in bursts; for a while by a clock that is ahead."""
    step = (end - start) / number
    wrong = range(number // 2, number // 2 + max(1, number // 200))
    previous = start
    for index in range(number):
        chance = random.random()
        even = start + (index + chance) * step
        previous = min(even, previous + 0.01) if chance < 0.1 else even
        yield previous + CLOCK_ERROR if index in wrong else previous


def _commits(changes: Iterable[_Change]) -> Iterator[list[_Change]]:
    """Group changes as the recorder's timer commits them."""
    commit: list[_Change] = []
    for change in changes:
        # The timer runs by another clock than the one that is wrong, hence abs().
        if commit and abs(change.last_updated_ts - commit[0].last_updated_ts) > COMMIT_INTERVAL:
            yield commit
            commit = []
        commit.append(change)
    if commit:
        yield commit


def _in_order_of_flush(commit: list[_Change]) -> list[_Change]:
    """Order the changes of one commit by how many of the same entity came before."""
    if len(commit) == 1:
        return commit
    seen: dict[int, int] = {}
    depths = []
    for change in commit:
        depths.append(seen.get(change.metadata_id, 0))
        seen[change.metadata_id] = depths[-1] + 1
    order = sorted(range(len(commit)), key=depths.__getitem__)
    return [commit[index] for index in order]
