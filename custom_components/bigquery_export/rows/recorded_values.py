"""Values of the recorder's columns, of whatever type SQLite has kept there.

Each function returns a value as a column of BigQuery takes it, or raises ValueError with a sentence
that says what is wrong with it.
"""

from datetime import datetime

from homeassistant.util.ulid import bytes_to_ulid

from .local_time import microseconds, timestamp_or_none

UNENCODABLE = (ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RecursionError)
"""What encoding a row may raise, whatever the recorder has in it."""
_SHOWN = 40
"""Characters of a value that are shown."""
_ULID_BYTES = 16
_INT64 = 1 << 63


def number(name: str, value: object) -> float | None:
    """Return a number; an empty text has the same meaning as NULL."""
    if isinstance(value, int | float):
        return value
    if value in (None, "", b""):
        return None
    raise ValueError(f"its {name} is not a number: {_shown(value)}")


def integer(name: str, value: object) -> int | None:
    """Return a whole number; an empty text has the same meaning as NULL."""
    found = number(name, value)
    if found is None:
        return None
    if isinstance(found, int) and -_INT64 <= found < _INT64:
        return found
    raise ValueError(f"its {name} is not a whole number: {_shown(value)}")


def time(name: str, value: object) -> int | None:
    """Return a time, in seconds since 1970 or as a datetime, in microseconds since 1970."""
    if isinstance(value, datetime):
        return timestamp_or_none(value)
    seconds = number(name, value)
    return None if seconds is None else microseconds(seconds)


def blob(name: str, value: object) -> bytes | None:
    """Return bytes, or None where there are none."""
    if isinstance(value, bytes):
        return value or None
    if value in (None, ""):
        return None
    raise ValueError(f"its {name} has not 16 bytes: {_shown(value)}")


def ulid_bytes(name: str, value: object) -> bytes | None:
    """Return the bytes of a ULID, or None where there are none."""
    found = blob(name, value)
    if found and len(found) != _ULID_BYTES:
        raise ValueError(f"its {name} has not 16 bytes: {_shown(value)}")
    return found


def ulid(name: str, value: object) -> str | None:
    """Return a ULID as text, or None where there is none."""
    found = ulid_bytes(name, value)
    return bytes_to_ulid(found) if found else None


def reason(err: BaseException) -> str:
    """Return why a row cannot be encoded, as a sentence without its end."""
    if isinstance(err, ValueError) and not isinstance(err, UnicodeError):
        return str(err)
    return f"it cannot be encoded ({type(err).__name__}: {err})"


def _shown(value: object) -> str:
    """Return a value as its row is to be found by it, in quotation marks."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return repr(text[:_SHOWN])
