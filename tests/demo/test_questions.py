"""Tests of how answers are shown."""

from .questions import table_lines


def test_columns_are_aligned() -> None:
    """Numbers stand to the right, text to the left, wide characters count twice."""
    assert table_lines([{"name": "寝室", "rows": "7"}, {"name": "salon", "rows": None}]) == [
        "name   rows",
        "-----  ----",
        "寝室   7",
        "salon",
    ]
    assert table_lines([{"rows": "7"}, {"rows": "12.5"}]) == ["rows", "----", "   7", "12.5"]


def test_no_rows() -> None:
    """That there is no answer is said."""
    assert table_lines([]) == ["(no rows)"]
