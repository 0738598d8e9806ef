"""Encoding of JSON members for many rows at once, if all rows have the same width.

Times have the form of orjson, or of `datetime.isoformat` for a DATETIME.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple, cast

import orjson

from ..rows.encoding import Values
from ..rows.times import Times
from ..rows.ulids import Contexts
from .rectangle import WORD, Rectangle

_EPOCH = date(1970, 1, 1)
_TENS = bytes(ord("0") + number // 10 % 10 for number in range(256))
_ONES = bytes(ord("0") + number % 10 for number in range(256))
"""Tables for `bytes.translate`: from numbers of two digits to one of their digits."""


class Member(NamedTuple):
    """One member of an object for each row."""

    name: str
    values: Values
    is_local: bool
    """Whether times are those of a DATETIME, without a zone."""


def encode(members: Sequence[Member]) -> list[bytes] | None:
    """Return members of each row with commas between them, or None where their widths differ.

    None, too, where a time has no fraction, as it then has another form, and where values are of
    another kind: neither whole numbers nor packed.
    """
    rectangle = Rectangle(_size(members[0].values))
    for number, (name, values, is_local) in enumerate(members):
        rectangle.add(b'%b"%b":' % (b"," if number else b"", name.encode()))
        match values:
            case Contexts():
                rectangle.add(b'"')
                rectangle.add_ulids(values)
                rectangle.add(b'"')
            case Times():
                if not _add_times(rectangle, values, is_local=is_local):
                    return None
            case _:
                if not _add_integers(rectangle, cast(Sequence[object], values)):
                    return None
    return rectangle.rows()


def _size(values: Values) -> int:
    return values.seconds.size if isinstance(values, Times) else len(values)


def _add_integers(rectangle: Rectangle, values: Sequence[object]) -> bool:
    if not {int}.issuperset(map(type, values)):
        return False
    numbers = cast(Sequence[int], values)
    least, width = min(numbers), len(str(numbers[0]))
    if least < 0 or not len(str(least)) == width == len(str(max(numbers))):
        return False
    digits = orjson.dumps(numbers)  # With a bracket before them, and a comma between them.
    rectangle.add_columns(digits[place :: width + 1] for place in range(1, width + 1))
    return True


def _add_times(rectangle: Rectangle, times: Times, *, is_local: bool) -> bool:
    if not (is_local or times.micros.are_at_least(1)):
        return False
    clock = times.clock()
    dates = {day: str(_EPOCH + timedelta(days=day)).encode() for day in set(clock.days)}
    rectangle.add(b'"')
    if len(clock.days) == 1:
        rectangle.add(dates[clock.days[0]])
    else:
        texts = b"".join([dates[day] for day in clock.days])
        width = len(dates[clock.days[0]])
        rectangle.add_columns(texts[place::width] for place in range(width))
    rectangle.add(b" " if is_local else b"T")
    # Bytes of a large integer are made slowly, so all numbers of two digits are in the same one.
    hundreds = times.micros.divided(100)
    upper = hundreds.divided(100).bits
    numbers = (
        (clock.hours.bits, b":"),
        (clock.minutes.bits, b":"),
        (clock.seconds.bits, b"."),
        (upper, b""),
        (hundreds.bits - 100 * upper, b""),
        (times.micros.bits - 100 * hundreds.bits, b""),
    )
    packed = sum(bits << 8 * place for place, (bits, _) in enumerate(numbers))
    words = hundreds.with_bits(packed).words()
    for place, (_, end) in enumerate(numbers):
        digits = words[place::WORD]
        rectangle.add_columns([digits.translate(_TENS), digits.translate(_ONES)])
        rectangle.add(end)
    rectangle.add(b'"' if is_local else b'Z"')
    return True
