"""Fragments of states, each made once: those that are new in a piece are made together.

That takes a third of the time, and a piece has few of them.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import getitem

_MAX_BYTES = 2 * 1024 * 1024
_BESIDES = 200
"""Overhead of a short fragment in bytes: two objects, and a place in a dictionary."""

type State = str | None
type MakeStates = Callable[[Sequence[State], bool], list[bytes]]
"""Returns the fragments of states, all of which have just changed (True), or have not."""


class KnownStates(dict[State, bytes]):
    """Fragments of states that have just changed, by state, kept up to a size."""

    def __init__(self, make: MakeStates, *, changed: bool = True) -> None:
        """Begin empty."""
        super().__init__()
        self.make = make
        self.unchanged = KnownStates(make, changed=False) if changed else self
        """Those of states that have not just changed."""
        self._changed = changed
        self._bytes = 0

    def __missing__(self, state: State) -> bytes:
        """Return nothing for a state that is new, which is not kept."""
        return b""

    def learn(self, states: Iterable[State]) -> None:
        """Make the fragments of states that are new, each once."""
        if self._bytes > _MAX_BYTES:
            self.clear()
            self._bytes = 0
        new = list(dict.fromkeys(states))
        fragments = self.make(new, self._changed)
        self.update(zip(new, fragments, strict=True))
        self._bytes += sum(map(len, fragments)) + _BESIDES * len(fragments)


def fragments_of(states: Sequence[State], known: Sequence[KnownStates]) -> list[bytes]:
    """Return the fragments of rows, of which each has those of its state that are known.

    Raises one of `UNENCODABLE` when a state is no text.
    """
    found = list(map(getitem, known, states, strict=True))
    if b"" in found:
        new = [place for place, fragment in enumerate(found) if not fragment]
        for one in {id(known[place]): known[place] for place in new}.values():
            one.learn(states[place] for place in new if known[place] is one)
        for place in new:
            found[place] = known[place][states[place]]
    return found
