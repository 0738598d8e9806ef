"""The page on troubleshooting."""

import json
import re

from .markdown import ROOT

_TEXTS = ROOT / "custom_components" / "bigquery_export" / "translations" / "en.json"
_PAGE = ROOT / "docs" / "troubleshooting.md"
_OURS = (
    "Errors of the set-up",
    "Errors of options",
    "Errors of exports",
    "Errors of actions",
    "Repairs",
)
"""The headings of the tables of sentences that this integration says."""
_ANSWER = "verify_"
"""How keys of sentences begin that are no errors, but what the action Verify has found."""
_PLACEHOLDER = re.compile(r"{\w+}")


def beginning(sentence: str) -> str:
    """Return what a user searches for who sees a sentence: how it begins, `…` for what varies."""
    first = re.split(r"(?<=\.)\s", sentence.removeprefix("{title}: "))[0].removesuffix(".")
    return re.sub(r": …$| \(…\)$", "", _PLACEHOLDER.sub("…", first))


def test_all_that_can_go_wrong() -> None:
    """The tables have every error and every repair, by how it begins, and no other."""
    english = json.loads(_TEXTS.read_text())
    sentences = {
        *english["config"]["error"].values(),
        *english["options"]["error"].values(),
        *(
            exception["message"]
            for key, exception in english["exceptions"].items()
            if not key.startswith(_ANSWER)
        ),
        *(issue["title"] for issue in english["issues"].values()),
    }
    sections = _PAGE.read_text().split("\n## ")
    cells = [
        line.split("|")[1].strip()
        for section in sections
        if section.startswith(_OURS)
        for line in section.splitlines()
        if line.startswith("| ") and not line.startswith("| you see")
    ]
    assert sorted(cells) == sorted(set(map(beginning, sentences)))
