"""A JSON document on the disk that changes often: what has changed is written behind it.

    {"version":3,"intent":null, ..}     the document as it was written as a whole
    5f3a91c0 {"intent":[{ .. }]}        what has changed since (json_changes.py), a line each

A line that is not whole was never written, and nothing counts that is behind it: after a crash, or
where a disk has not kept what it said to have, the document is as it was at some time before. The
checksum of a line continues that of all before it, so that it counts behind these alone: not if it
is left from an earlier file, nor if a part of the file is from elsewhere.

A disk writes whole pages. None of those of the document as a whole is written again, so that
nothing damages them, and a line begins in the next page where it does not fit into this one.
Between and behind lines are zeros.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

from .files import FileState, replace_file, write_into
from .json_changes import Json, changed, difference

_PAGE = 4096
_ROOM = 64 * 1024
"""Bytes of changes behind which the document is written as a whole again."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What this process has written."""

    document: Json
    file: FileState
    limit: int
    """Up to where changes are written."""
    end: int
    """Where the next one begins."""
    checksum: int


class DocumentFile:
    """Writes a JSON document; its methods block."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read yet."""
        self.path = path
        self._written: _Written | None = None

    def read(self) -> Json:
        """Return the document as it was written last.

        Raises OSError, and ValueError, LookupError, TypeError or AttributeError when it is none.
        """
        self._written = None
        return document_of(self.path.read_bytes())

    def write(self, document: Mapping[str, Any]) -> None:
        """Write the document; it is on the disk when this returns.

        What this process has not written itself, or could not write, is replaced as a whole. Raises
        CheckpointUnwritableError.
        """
        text = orjson.dumps(document)
        now = orjson.loads(text)
        written, self._written = self._written, None
        self._written = (written and self._add(written, now)) or self._replace(text, now)

    def _add(self, written: _Written, now: Json) -> _Written | None:
        """Write what has changed; return None if the file has to be written as a whole."""
        change = orjson.dumps(difference(written.document, now))
        checksum = crc32(change, written.checksum)
        line = b"%08x %b\n" % (checksum, change)
        place = written.end
        if (left := -place % _PAGE) < len(line) <= _PAGE:
            place += left
        end = place + len(line)
        if end > written.limit:
            return None
        file = write_into(self.path, line, place, reserved=written.limit, known=written.file)
        if file is None:
            return None
        return replace(written, document=now, file=file, end=end, checksum=checksum)

    def _replace(self, text: bytes, now: Json) -> _Written:
        whole = text + b" " * (-(len(text) + 1) % _PAGE)
        replace_file(self.path, whole + b"\n")
        file = FileState.of(self.path.stat())
        return _Written(now, file, file.size + _ROOM, file.size, crc32(whole))


def document_of(content: bytes) -> Json:
    """Return the document that a file has; raises what `DocumentFile.read` does.

    Earlier versions have written it in many lines, with nothing behind it.
    """
    whole, *lines = content.split(b"\n")
    if whole == b"{":
        return orjson.loads(content)
    document, checksum = orjson.loads(whole), crc32(whole)
    for line in lines:
        said, _, change = line.lstrip(b"\0").partition(b" ")
        checksum = crc32(change, checksum)
        if said != b"%08x" % checksum:
            break
        document = changed(document, orjson.loads(change))
    return document
