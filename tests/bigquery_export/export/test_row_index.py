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


@pytest.mark.parametrize("there", [1, 2])
def test_the_twin_that_is_there_is_not_sent(there: int) -> None:
    """Of two rows with one key, the one with its own id in BigQuery is the one that is there."""
    twins = [("twin", 1, 1), ("twin", 1, 2)]
    assert missing(twins, [("twin", 1, there)]) == [("twin", 1, 3 - there)]


@pytest.mark.parametrize(
    ("found", "is_there"),
    [
        ([], False),
        ([1], True),  # BigQuery does not list the other one yet.
        ([2], False),
        ([1, 2], True),
        ([7], False),  # The other one, from a database with other ids.
        ([7, 8], True),
    ],
)
def test_a_twin_outside_of_the_rows(found: list[int], *, is_there: bool) -> None:
    """Row 2 is in BigQuery, whether or not it is listed: row 1 is sent unless it is there, too."""
    sent = missing([("twin", 1, 1)], [("twin", 1, id_) for id_ in found], repeats=1)
    assert sent == ([] if is_there else [("twin", 1, 1)])
