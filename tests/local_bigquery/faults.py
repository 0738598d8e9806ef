"""Faults on demand: rules that say which calls go wrong, and how often.

A rule counts the calls that it matches, lets the first `skip` of them pass, and then acts `times`
times, or for ever. Of several rules the oldest that acts on a call is the only one that does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from itertools import count
import random
from typing import Any

from .calls import Call
from .errors import StorageErrorCode, invalid
from .fault_kinds import KINDS, Details
from .schema import Json


@dataclass(slots=True)
class Rule:
    """Which calls go wrong, how, and how often it happened."""

    method: str
    kind: str
    table: str = ""
    skip: int = 0
    times: int | None = 1
    seconds: float = 0
    probability: float = 1
    seed: int = 0
    details: Details = field(default_factory=Details)
    matched: int = 0
    fired: int = 0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Check the rule; raises ApiError."""
        kind = KINDS.get(self.kind)
        if kind is None:
            raise invalid(f"There is no kind of fault {self.kind}; there are {', '.join(KINDS)}.")
        if self.method not in kind.methods:
            raise invalid(f"{self.kind} cannot happen to {self.method}.")
        if self.details.code not in StorageErrorCode.__members__:
            raise invalid(f"There is no StorageErrorCode {self.details.code}.")
        self.dice = random.Random(self.seed)  # noqa: S311  (nothing secret)

    def acts_on(self, call: Call) -> bool:
        """Count the call if it matches, and say whether it goes wrong."""
        if call.method != self.method or self.table not in ("", call.table):
            return False
        if not KINDS[self.kind].concerns(call, self.details):
            return False
        self.matched += 1
        if self.matched <= self.skip or self.fired == self.times:
            return False
        if self.dice.random() >= self.probability:
            return False
        self.fired += 1
        return True

    @classmethod
    def from_json(cls, body: Json) -> Rule:
        """Read a rule, whose details stand beside everything else; raises ApiError."""
        if "rows" in body:
            body = {**body, "rows": tuple(body["rows"])}
        names = {field.name for field in fields(Details)}
        details = Details(**{name: value for name, value in body.items() if name in names})
        rest = {name: value for name, value in body.items() if name not in names}
        if unknown := rest.keys() - _SETTABLE:
            raise invalid(f"A rule has no {', '.join(sorted(unknown))}.")
        return cls(**rest, details=details)

    def to_json(self) -> Json:
        """Return the rule and how often it matched and acted."""
        body: dict[str, Any] = {name: getattr(self, name) for name in _SETTABLE}
        return {**body, **asdict(self.details), "matched": self.matched, "fired": self.fired}


_SETTABLE = frozenset(
    {"method", "kind", "table", "skip", "times", "seconds", "probability", "seed"}
)


class FaultRules:
    """All rules of the server, in the order in which they came."""

    def __init__(self) -> None:
        """Begin without a fault."""
        self._rules: dict[int, Rule] = {}
        self._ids = count(1)
        self._cleared = asyncio.Event()

    def add(self, rule: Rule) -> int:
        """Add a rule and return its id."""
        id_ = next(self._ids)
        self._rules[id_] = rule
        return id_

    def clear(self) -> None:
        """Forget all rules; calls that are delayed go on at once."""
        self._rules.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()

    def to_json(self) -> list[Json]:
        """Return all rules with what they did."""
        return [{"id": id_, **rule.to_json()} for id_, rule in self._rules.items()]

    async def see_through[Answer](
        self, call: Call, work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Do the call's work, or what the first rule that acts on the call makes of it."""
        rule = next((rule for rule in self._rules.values() if rule.acts_on(call)), None)
        if rule is None:
            return await work()
        with suppress(TimeoutError):
            async with asyncio.timeout(rule.seconds):
                await self._cleared.wait()
        answer: Answer = await KINDS[rule.kind].act(call, work, rule.details)
        return answer
