"""What the pages are made of: queries, headings and links."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
import re

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
COOKBOOK = ROOT / "docs" / "cookbook.md"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
REAL_ONLY = "-- Only on the real BigQuery"
"""The first line of a query that nothing but the real BigQuery can run."""
_CREATE = re.compile(r"^CREATE OR REPLACE (?:TABLE|VIEW) `[^`]+` AS\s+")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_IMAGE = re.compile(r'<img src="([^"]+)" width="\d+"\s+alt="[^"]+">')
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True, slots=True)
class Query:
    """A query on a page, and the heading that it is under."""

    page: str
    title: str
    sql: str

    @property
    def real_only(self) -> bool:
        """Return whether nothing but the real BigQuery can run it, or heeds what it sets."""
        return self.sql.startswith((REAL_ONLY, "ALTER "))

    @property
    def statements(self) -> list[str]:
        """Return the statements; of one that makes a table or view the query that fills it."""
        parts = [part.strip() for part in self.sql.split(";")]
        return [_CREATE.sub("", part) for part in parts if part]


def queries(page: Path) -> list[Query]:
    """Return the queries of a page in their order."""
    text = page.read_text()
    return [
        Query(page.name, _HEADING.findall(_prose(text[: block.start()]))[-1][1], block[2])
        for block in _FENCE.finditer(text)
        if block[1] == "sql"
    ]


def code(page: Path, language: str) -> list[str]:
    """Return the blocks of a page that are in a language, such as `yaml`."""
    return [block[2] for block in _FENCE.finditer(page.read_text()) if block[1] == language]


def answer_shown(page: Path, query: Query) -> list[tuple[str, ...]]:
    """Return the table right below a query: its columns, and its rows; nothing without one."""
    _, _, rest = page.read_text().partition(query.sql)
    table = rest.removeprefix("```\n\n").partition("\n\n")[0]
    if not table.startswith("|"):
        return []
    rows = [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in table.splitlines()]
    return [row for row in rows if set(row) != {"---"}]


def headings(page: Path) -> list[tuple[int, str, str]]:
    """Return the headings of a page: their level, their text, and the anchor that GitHub makes."""
    seen: Counter[str] = Counter()
    found = []
    for signs, heading in _HEADING.findall(_prose(page.read_text())):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append((len(signs), heading, f"{slug}-{seen[slug]}" if seen[slug] else slug))
        seen[slug] += 1
    return found


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page: of its headings, and those that it sets itself."""
    return {anchor for _, _, anchor in headings(page)} | set(_ANCHOR.findall(page.read_text()))


def links(page: Path) -> list[str]:
    """Return where the links of a page lead, and where its images are.

    What is shown as code is none. An image needs a width, and a text for those who cannot see it.
    """
    text = _CODE.sub("", _prose(page.read_text()))
    images = _IMAGE.findall(text)
    assert len(images) == text.count("<img"), page.name
    return [*_LINK.findall(text), *images]


def _prose(text: str) -> str:
    """Return a page without what is shown as code."""
    return _FENCE.sub("", text)
