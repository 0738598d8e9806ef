"""The page on options."""

from collections.abc import Iterator, Mapping
import json
import re
from typing import Any

from .markdown import ROOT

_TEXTS = ROOT / "custom_components" / "bigquery_export" / "translations" / "en.json"
_PAGE = ROOT / "docs" / "options.md"
_HEADING = re.compile(r"^### ", re.MULTILINE)
_FIELDS = re.compile(r"^\| field \|.*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)


def forms(step: Mapping[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield a step and its sections that have fields: each by its name, and the fields' labels."""
    for part in (step, *step.get("sections", {}).values()):
        if labels := part.get("data"):
            yield part.get("title") or part["name"], frozenset(labels.values())


def tables() -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the tables of fields of the page: each by its heading, and its first column."""
    for section in _HEADING.split(_PAGE.read_text())[1:]:
        (rows,) = _FIELDS.findall(section)
        fields = [row.split("|")[1].strip() for row in rows.splitlines()]
        assert len(fields) == len(set(fields)), section
        yield section.partition("\n")[0], frozenset(fields)


def test_every_field() -> None:
    """Every step and section has a table under its name, with a row for each field, and no more."""
    english = json.loads(_TEXTS.read_text())
    steps = (*english["config"]["step"].values(), *english["options"]["step"].values())
    wanted = {form for step in steps for form in forms(step)}
    found = list(tables())
    assert len(found) == len(set(found))
    assert set(found) == wanted
