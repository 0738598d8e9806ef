"""The page on troubleshooting."""

from .messages import PAGE, keys, messages, troubleshooting_page


def test_all_that_can_go_wrong() -> None:
    """The page has an entry for every error and every repair, and no other, each once."""
    found = keys(PAGE.read_text())
    assert sorted(found) == sorted(messages())


def test_messages() -> None:
    """Each entry has its messages as they are now: `python -m tests.documentation` writes them."""
    assert PAGE.read_text() == troubleshooting_page()
