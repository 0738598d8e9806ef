"""Which rows of the recorder BigQuery has, by their keys and places."""

import pytest

from custom_components.bigquery_export.export.row_index import RowIndex, key_of, place_of

type Row = tuple[str, int, int]
"""Name, time, and the recorder's id."""


def missing(
    wanted: list[Row], found: list[Row], *, renamed: bool = True, repeats: int = 0
) -> list[Row]:
    """Return the wanted rows that are not found; of "twin" so many rows are there besides."""
    index = RowIndex([_numbers(row) for row in wanted], renamed=renamed)
    for row in found:
        index.add(*_numbers(row))
    index.ignore(key_of("twin", 1), repeats)
    return [wanted[number] for number in index.missing()]


def _numbers(row: Row) -> tuple[int, int]:
    name, time, id_ = row
    return key_of(name, time), place_of(time, id_)


@pytest.mark.parametrize(
    ("found", "sent"),
    [
        ([], [("a", 1, 1), ("a", 2, 2)]),
        ([("a", 1, 1)], [("a", 2, 2)]),
        ([("a", 1, 8), ("a", 2, 9)], []),  # As another database had them.
        ([("old", 2, 2)], [("a", 1, 1)]),  # Renamed since.
        ([("old", 2, 1)], [("a", 1, 1), ("a", 2, 2)]),  # Another row has the id.
    ],
)
def test_known_by_key_or_place(found: list[Row], sent: list[Row]) -> None:
    """A row is known by name and time, or by time and id if its name has changed."""
    assert missing([("a", 1, 1), ("a", 2, 2)], found) == sent


def test_names_that_do_not_change() -> None:
    """A row with another name is another row, where rows are not renamed."""
    assert missing([("a", 2, 2)], [("old", 2, 2)], renamed=False) == [("a", 2, 2)]


@pytest.mark.parametrize(
    ("found", "repeats", "sent"),
    [
        ([], 0, [1, 2]),
        ([1], 0, [2]),
        ([2], 0, [2]),
        ([1, 2], 0, []),
        ([7], 1, [1, 2]),
        ([7, 8], 1, [2]),
    ],
)
def test_twins(found: list[int], repeats: int, sent: list[int]) -> None:
    """Of rows with one key as many are sent as BigQuery lacks, the last ones, whatever their ids.

    An id would tell which of them is there; but a row that one part of the rows in doubt has found
    by its key must not be found once more by its id in another part.
    """
    twins = [("twin", 1, 1), ("twin", 1, 2)]
    there = [("twin", 1, id_) for id_ in found]
    assert missing(twins, there, repeats=repeats) == [("twin", 1, id_) for id_ in sent]
