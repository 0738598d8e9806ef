"""The links between the pages, and their images."""

from pathlib import Path

import pytest

from .contents import PAGES as WITH_CONTENTS, with_contents
from .markdown import PAGES, README, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """Each link to a file, and each image, is there, and so is the heading that a link names."""
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", WITH_CONTENTS, ids=lambda page: page.name)
def test_contents(page: Path) -> None:
    """The list of contents is that of the headings: `python -m tests.documentation` writes it."""
    assert page.read_text() == with_contents(page)


def test_every_page_is_listed() -> None:
    """The index has every page, and the README leads there."""
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page for page in PAGES if page.parent == index.parent} - {index} <= listed
    assert "docs/README.md" in links(README)
    assert len(README.read_text().splitlines()) <= 130, "it is read in a minute"
