"""Tests with many combinations of parameters leave out none that two of them make."""

from itertools import combinations, product

import pytest

from tests.bigquery_export.support.combinations import covering_pairs, in_pairs

SIZES = [(2, 2), (3, 4), (8, 2, 2), (12, 2, 3), (3, 2, 2, 2), (4, 3, 2, 3)]


@pytest.mark.parametrize("sizes", SIZES)
def test_each_pair(sizes: tuple[int, ...]) -> None:
    """Each two values of two parameters are together in one of few combinations."""
    every = list(product(*map(range, sizes)))
    tested = list(covering_pairs(every))
    for first, second in combinations(range(len(sizes)), 2):
        found = {(one[first], one[second]) for one in tested}
        assert found == set(product(range(sizes[first]), range(sizes[second])))
    assert len(tested) == len(set(tested))
    assert len(tested) <= len(every) / (2 if len(sizes) > 2 else 1)


@pytest.mark.parametrize(("wanted", "count"), [("", 6), ("1", 12)])
def test_every_week(monkeypatch: pytest.MonkeyPatch, wanted: str, count: int) -> None:
    """Where the environment says so, all combinations are tested."""
    monkeypatch.setenv("EVERY_COMBINATION", wanted)
    mark = in_pairs(first=[1, 2, 3], second="ab", third=[None, True]).mark
    assert mark.args[0] == ["first", "second", "third"]
    assert len(mark.args[1]) == count
    assert mark.kwargs == {"indirect": []}
