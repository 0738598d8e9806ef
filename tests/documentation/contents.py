"""The lists of contents of long pages, which follow from their headings."""

from pathlib import Path
import re
import textwrap

from .markdown import COOKBOOK, ROOT, headings

PAGES = (ROOT / "docs" / "options.md", COOKBOOK)
_CONTENTS = re.compile(r"(?<=<!-- contents -->\n\n).*?(?=\n\n<!-- end of contents -->)", re.DOTALL)
_WIDTH = 120


def with_contents(page: Path) -> str:
    """Return a page with its list of contents: its chapters, and their sections."""
    chapters: list[tuple[str, list[str]]] = []
    for level, title, anchor in headings(page):
        link = f"[{title}](#{anchor})"
        if level == 2:
            chapters.append((link, []))
        elif level == 3:
            chapters[-1][1].append(link)
    by_chapter = _questions if page == COOKBOOK else _lines
    return _CONTENTS.sub(by_chapter(chapters), page.read_text())


def _questions(chapters: list[tuple[str, list[str]]]) -> str:
    """Return chapters whose sections are long: a line for each."""
    return "\n\n".join(
        f"{chapter}\n\n" + "\n".join(f"* {section}" for section in sections)
        for chapter, sections in chapters
    )


def _lines(chapters: list[tuple[str, list[str]]]) -> str:
    return "\n".join(
        textwrap.fill(
            f"* {chapter}: {', '.join(sections)}",
            _WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for chapter, sections in chapters
    )
