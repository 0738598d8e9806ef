"""Why the entry of an integration has failed, without what is private in it.

A reason is the text of an exception, so it may have anything in it: addresses, accounts, the name
that the user has given the entry, or a URL with a password. What the entry is set up with is known
and taken out word for word; addresses are taken out by their form.
"""

from collections.abc import Iterator, Mapping
import re

from homeassistant.config_entries import ConfigEntry

from ..rows.addresses import LEFT_OUT, without_addresses
from .valid_text import valid_text

_MAX_LENGTH = 300
_MIN_LENGTH = 3
"""Shorter texts are no secrets, and in every sentence."""


def failure_reason(entry: ConfigEntry) -> str | None:
    """Return why an entry has failed, as it may be kept and sent; None if it says nothing."""
    if not (text := valid_text(entry.reason)):
        return None
    # Longer ones first: a user's name may be a part of their address.
    for private in sorted(set(_private(entry)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(private)}(?!\w)", LEFT_OUT, text, flags=re.IGNORECASE)
    return without_addresses(text)[:_MAX_LENGTH]


def _private(entry: ConfigEntry) -> Iterator[str]:
    """Yield what an entry is called, each word of it, and what it is set up with."""
    yield from _texts([entry.title, entry.title.split(), entry.unique_id])
    yield from _texts([entry.data, entry.options])
    for subentry in entry.subentries.values():
        yield from _texts([subentry.title, subentry.title.split(), subentry.unique_id])
        yield from _texts(subentry.data)


def _texts(value: object) -> Iterator[str]:
    match value:
        case bool() | None:
            return
        case str() | int() | float():
            if len(text := str(value).strip()) >= _MIN_LENGTH:
                yield text
        case Mapping():
            for part in value.values():
                yield from _texts(part)
        case list() | tuple() | set() | frozenset():
            for part in value:
                yield from _texts(part)
