"""What queries were billed for, and may still be: it holds whatever crashes.

A query is booked before its job begins, with the most that it may be billed for, and settled
afterwards with what it was billed for. Where Home Assistant ends in between, the booking stays, and
counts, until BigQuery has told what became of the job.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
import orjson

from ..const import DOMAIN
from ..export.files import replace_file

_MOST_ENTRIES = 1_000
"""Rows for the export log that wait for an export: of more, the oldest are left out."""
_PUT_BACK = timedelta(days=2)
"""How much earlier a date can be in another time zone: they are up to 26 hours apart."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A query that may have been billed, by the id of its job."""

    job_id: str
    bytes: int
    """The most that it may be billed for."""
    time: float
    """When it was booked, in seconds since 1970."""
    entry: Mapping[str, Any]
    """Its row in the export log, as far as it is known."""


@dataclass(frozen=True, slots=True)
class Billing:
    """The bytes that queries were billed for in a month and on a day of the home."""

    day: str = ""
    """The day in ISO 8601, of which the first seven characters are the month."""
    day_bytes: int = 0
    month_bytes: int = 0
    bookings: tuple[Booking, ...] = ()
    entries: tuple[Mapping[str, Any], ...] = ()
    """Rows of the export log that are not in BigQuery yet."""
    log: str = ""
    """The transaction with the first of them, once that was about to be committed."""
    log_delivery: str = ""
    log_rows: int = 0
    """How many it has."""
    logged: float = 0.0
    """When that was, in seconds since 1970."""

    @property
    def booked(self) -> int:
        """Return the bytes of all queries that are not settled."""
        return sum(booking.bytes for booking in self.bookings)

    def on(self, day: date) -> Self:
        """Return the billing as it is on a day: sums of other days and months are over.

        A clock that is put back ends no day: up to two days before the last one everything counts
        to that one. A last day that is further ahead was a wrong clock's, and is over.
        """
        if (now := day.isoformat()) <= self.day <= (day + _PUT_BACK).isoformat():
            return self
        month_bytes = self.month_bytes if now[:7] == self.day[:7] else 0
        return replace(self, day=now, day_bytes=0, month_bytes=month_bytes)

    def book(self, booking: Booking) -> Self:
        """Return the billing with a query that is about to begin."""
        return replace(self, bookings=(*self.bookings, booking))

    def settle(self, job_id: str, billed: int, entry: Mapping[str, Any]) -> Self:
        """Return the billing with a booking replaced by what was billed, if it has one.

        `entry` is what is known by now of its row in the export log.
        """
        settled = [booking for booking in self.bookings if booking.job_id == job_id]
        if not settled:
            return self
        row = {**settled[0].entry, **entry, "byte_count": billed}
        return replace(
            self,
            bookings=tuple(booking for booking in self.bookings if booking.job_id != job_id),
            entries=(*self.entries, row)[-_MOST_ENTRIES:],
            day_bytes=self.day_bytes + billed,
            month_bytes=self.month_bytes + billed,
        )

    def logging(self, transaction: str, delivery: str, rows: int, time: float) -> Self:
        """Return the billing when its first rows are about to be committed to the export log."""
        return replace(self, log=transaction, log_delivery=delivery, log_rows=rows, logged=time)

    def logged_rows(self) -> Self:
        """Return the billing without the rows that were committed."""
        left = self.entries[self.log_rows :]
        return replace(self, entries=left, log="", log_delivery="", log_rows=0, logged=0.0)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return a billing as it was written. Raises KeyError or TypeError."""
        bookings = tuple(Booking(**booking) for booking in data["bookings"])
        return cls(**{**data, "bookings": bookings, "entries": tuple(data["entries"])})


@dataclass(slots=True)
class BillingFile:
    """Keeps the billing of a config entry in Home Assistant's .storage. Its methods block."""

    hass: HomeAssistant
    entry_id: str
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        """Name the file; nothing is read yet."""
        self.path = Path(self.hass.config.path(STORAGE_DIR, f"{DOMAIN}.{self.entry_id}.queries"))

    def load(self) -> Billing:
        """Return the billing, an empty one where there is none that can be read."""
        try:
            return Billing.from_json(orjson.loads(self.path.read_bytes()))
        except OSError, ValueError, KeyError, TypeError, AttributeError:
            return Billing()

    def save(self, billing: Billing) -> None:
        """Write the billing; it is on the disk when this returns.

        Raises CheckpointUnwritableError.
        """
        replace_file(self.path, orjson.dumps(asdict(billing)))

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
