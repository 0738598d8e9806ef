"""What libraries raise about a value or a file, as this package promises it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import struct
import zlib

from .file_format import DamagedFileError

_DAMAGE = (EOFError, ValueError, IndexError, KeyError, TypeError, zlib.error, struct.error)


@contextmanager
def value_errors() -> Iterator[None]:
    """Raise what libraries say of a value that does not fit its column as a ValueError."""
    try:
        yield
    except (TypeError, OverflowError) as err:
        raise ValueError(str(err)) from err


@contextmanager
def damage_errors(path: Path) -> Iterator[None]:
    """Raise what libraries say of a file that they cannot read as a DamagedFileError."""
    try:
        yield
    except DamagedFileError:
        raise
    except _DAMAGE as err:
        raise DamagedFileError(f"{path.name} is damaged: {err}") from err
    except OSError as err:
        if err.errno is not None:  # It is the disk's: libraries give none.
            raise
        raise DamagedFileError(f"{path.name} is damaged: {err}") from err
