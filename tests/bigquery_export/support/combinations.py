"""Parameters of a test that have more combinations than each change has to be tested with.

A test that is marked with `in_pairs` has each two values of two parameters together at least once:
a fault that needs three of them at once is rare. It has all combinations if the environment has
`EVERY_COMBINATION`, as every week.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations, product
import os

import pytest

type Combination = tuple[object, ...]


def in_pairs(
    indirect: Sequence[str] = (), **parameters: Collection[object]
) -> pytest.MarkDecorator:
    """Return the mark of a test that has these parameters; fixtures among them are `indirect`."""
    every = list(product(*parameters.values()))
    tested = every if os.environ.get("EVERY_COMBINATION") else list(covering_pairs(every))
    return pytest.mark.parametrize(list(parameters), tested, indirect=list(indirect))


def covering_pairs(every: Sequence[Combination]) -> Iterator[Combination]:
    """Yield few combinations that have each pair of values which any of all combinations has."""
    missing = {pair for combination in every for pair in _pairs(combination)}
    while missing:
        best = max(every, key=lambda combination: len(missing & _pairs(combination)))
        missing -= _pairs(best)
        yield best


def _pairs(combination: Combination) -> set[tuple[tuple[int, object], ...]]:
    """Return each two values, with the numbers of their parameters."""
    return set(combinations(enumerate(combination), 2))
