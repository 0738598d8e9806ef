"""Fragments of states are made together, each once, and few are kept."""

from collections.abc import Sequence

import pytest

from custom_components.bigquery_export.rows import known_states
from custom_components.bigquery_export.rows.known_states import KnownStates, State, fragments_of


class Maker:
    """Makes fragments that say what they are of."""

    def __init__(self, name: str) -> None:
        """Have made none yet."""
        self.name = name
        self.made: list[tuple[list[State], bool]] = []

    def __call__(self, states: Sequence[State], changed: bool) -> list[bytes]:
        """Make fragments, and note of which states."""
        self.made.append((list(states), changed))
        return [f"{self.name} {state} {changed}".encode() for state in states]


def test_made_together() -> None:
    """Each row has a fragment of its own kind, and what is new of a kind is made at once."""
    first, second = Maker("first"), Maker("second")
    one, other = KnownStates(first), KnownStates(second)
    rows = [one, other, one, one.unchanged, one, other]
    found = fragments_of(["a", "a", "b", "a", "a", None], rows)
    assert found == [
        *(b"first a True", b"second a True", b"first b True"),
        *(b"first a False", b"first a True", b"second None True"),
    ]
    assert first.made == [(["a", "b"], True), (["a"], False)]
    assert second.made == [(["a", None], True)]
    assert fragments_of(["b", "c"], [one, one]) == [b"first b True", b"first c True"]
    assert first.made[2:] == [(["c"], True)]


def test_fragments_without_columns() -> None:
    """A fragment may have no columns, where all of them are left out."""
    known = KnownStates(lambda states, changed: [b"" for _ in states])
    for _ in range(2):
        assert fragments_of([None, "a", None], [known] * 3) == [b""] * 3


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many states there are, few are kept, also while those of a piece are made."""
    monkeypatch.setattr(known_states, "_MAX_BYTES", 3_000)
    maker = Maker("x")
    known = KnownStates(maker)
    for n in range(100):
        assert fragments_of([str(n), "0"], [known] * 2) == [f"x {n} True".encode(), b"x 0 True"]
        assert len(known) < 20
    assert 1 < sum("0" in states for states, _ in maker.made) < 20
