"""Kinds of trouble that a torture can do without, so that one can be looked at alone."""

from enum import StrEnum


class Kind(StrEnum):
    """What happens besides kills, failing calls, damaged files, restores and corrections."""

    CLOCK = "clock"
    """The clock of the machine jumps, while Home Assistant runs and while it rests."""
    TOKEN = "token"  # noqa: S105 - what fails, and no secret
    """Tokens are short-lived, and what answers in place of their endpoint is not Google."""
    TEXT = "text"
    """Texts in the recorder are not UTF-8."""
    VALUE = "value"
    """Rows of the recorder have values of other types, and JSON that is none."""
    PAGE = "page"
    """A page of the recorder's database is overwritten."""
