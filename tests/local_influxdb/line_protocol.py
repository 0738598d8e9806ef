"""Line protocol, read as strictly as InfluxDB's page "Line protocol" has it.

Servers are kinder: they take line breaks in quotes, and backslashes that escape nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import math
import re

type Value = str | int | float | bool

_SPECIAL_OF_MEASUREMENT = ", "
_SPECIAL = ",= "
_INTEGER = re.compile(r"(-?\d+)i")
_FLOAT = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_TIME = re.compile(r"-?\d+")
_BOOLEANS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_LONGEST_TEXT = 65_536
_LAST = 9_223_372_036_854_775_806
"""Nanoseconds since 1970 of the last point, and of the first one before."""


class LineError(Exception):
    """A line is no point."""


@dataclass(frozen=True, slots=True)
class Line:
    """A point."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Value]
    time: int
    """Nanoseconds since 1970."""


def parse(line: str, factor: int) -> Line:
    """Return a line as a point; its time times `factor` is nanoseconds. Raises LineError."""
    reader = _Reader(line)
    measurement = reader.name(_SPECIAL_OF_MEASUREMENT)
    tags: dict[str, str] = {}
    while reader.skip(","):
        key = reader.key()
        if key in tags:
            raise LineError(f"duplicate tag {key}")
        tags[key] = reader.name(_SPECIAL)
    reader.expect(" ")
    fields = dict(reader.fields())
    reader.expect(" ")
    text = reader.rest()
    if not _TIME.fullmatch(text):
        raise LineError("bad timestamp")
    time = int(text) * factor
    if not -_LAST <= time <= _LAST:
        raise LineError(f"time outside range -{_LAST} - {_LAST}")
    return Line(measurement, tags, fields, time)


class _Reader:
    """Reads one line from its beginning to its end."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._place = 0

    def skip(self, character: str) -> bool:
        """Pass a character, if it is the next one."""
        found = self._line.startswith(character, self._place)
        self._place += found
        return found

    def expect(self, character: str) -> None:
        """Pass the next character."""
        if not self.skip(character):
            raise LineError(f"no {character!r} at {self._place}")

    def name(self, special: str) -> str:
        """Read a name or a tag value up to one of the special characters that is not escaped."""
        found = []
        line = self._line
        while self._place < len(line) and (character := line[self._place]) not in special:
            if character == "\\":
                self._place += 1
                character = line[self._place : self._place + 1]
                if not character or character not in special:
                    raise LineError("a backslash that escapes nothing")
            elif character in "=\r":
                raise LineError(f"unexpected {character!r}")
            found.append(character)
            self._place += 1
        if not found:
            raise LineError(f"nothing at {self._place}")
        return "".join(found)

    def key(self) -> str:
        """Read a key, and the equals sign behind it."""
        key = self.name(_SPECIAL)
        self.expect("=")
        if key.startswith("_") or key == "time":
            raise LineError(f"{key} is reserved")
        return key

    def fields(self) -> Iterator[tuple[str, Value]]:
        """Read all fields."""
        keys = set()
        while True:
            key = self.key()
            if key in keys:
                raise LineError(f"duplicate field {key}")
            keys.add(key)
            yield key, self._text() if self.skip('"') else self._number()
            if not self.skip(","):
                return

    def rest(self) -> str:
        """Read up to the end."""
        return self._line[self._place :]

    def _text(self) -> str:
        """Read a text up to its closing quote."""
        found = []
        while not self.skip('"'):
            if self.skip("\\") and not self._line.startswith(('"', "\\"), self._place):
                raise LineError("a backslash that escapes nothing")
            character = self._line[self._place : self._place + 1]
            if not character or character == "\r":
                raise LineError("unbalanced quotes")
            found.append(character)
            self._place += 1
        text = "".join(found)
        if len(text.encode()) > _LONGEST_TEXT:
            raise LineError("a text is too long")
        return text

    def _number(self) -> Value:
        """Read a number or boolean up to a comma or space."""
        end = self._place
        while end < len(self._line) and self._line[end] not in ", ":
            end += 1
        text = self._line[self._place : end]
        self._place = end
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if found := _INTEGER.fullmatch(text):
            if not -(2**63) <= int(found[1]) < 2**63:
                raise LineError("integer out of range")
            return int(found[1])
        if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        raise LineError("invalid number")
