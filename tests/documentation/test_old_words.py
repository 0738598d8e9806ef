"""The words that stand in the place of old ones are used everywhere."""

import re

import pytest

from .old_words import CODE, DOCS, KEPT, OLD_WORDS, Found, find, find_in


@pytest.mark.parametrize("where", [DOCS, CODE], ids=["pages", "code"])
def test_old_words(where: tuple[str, ...]) -> None:
    """None is left."""
    assert "\n".join(map(str, find(where))) == ""


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("docs/data.md", "Two\nsurroundings and a Surrounding", ["surround", "Surround"]),
        ("docs/data.md", "the label *Surroundings*", ["Surround"]),
        ("docs/data.md", "the name **surroundings** in bold", ["surround"]),
        ("docs/options.md", "| Surroundings |", ["Surround"]),
        ("docs/troubleshooting.md", '<a id="surrounding_twice"></a>', []),
        ("custom_components/bigquery_export/const.py", 'X = "surroundings"', []),
        ("custom_components/bigquery_export/const.py", "# surroundings", ["surround"]),
        ("custom_components/bigquery_export/errors.py", 'key = "key_refused"', []),
        ("custom_components/bigquery_export/errors.py", "a row is refused", ["row is refused"]),
        ("tests/local_bigquery/rest.py", "a row is refused", []),
        ("tests/home/attributes.py", '"spotify:track:1", device_tracker, looks, a watch', []),
        ("custom_components/bigquery_export/x/y.py", "def test_timetable", ["timetable"]),
        ("custom_components/bigquery_export/x/y.py", "timetable: Look[X]", ["timetable", "Look"]),
        ("custom_components/bigquery_export/x/y.py", "Look for rows; comes twice", []),
        ("README.md", "Each comes twice.", ["comes twice"]),
        ("script/demo", "# Show, and prove", ["prove"]),
        ("elsewhere.py", "surroundings", []),
    ],
)
def test_what_is_found(path: str, text: str, found: list[str]) -> None:
    """A word is found in the forms that were ours, where it was ours, and not where it is kept."""
    assert [one.text for one in find_in(path, text)] == found


def test_place() -> None:
    """What is found says where, and what to write."""
    (found,) = find_in("docs/data.md", "x\ny tables of facts")
    assert found == Found("docs/data.md", 2, "tables of facts", "dimension tables")
    assert str(found) == "docs/data.md:2: 'tables of facts', now dimension tables"


def test_every_pattern_is_one() -> None:
    """No pattern finds nothing at all in nothing, and each exception has a reason."""
    assert not [word for word in OLD_WORDS if re.search(word.pattern, "")]
    assert all(kept.reason for kept in KEPT)
