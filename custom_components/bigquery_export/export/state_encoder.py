"""Encoding the recorder's states as rows of `sensor_data`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from astral import Observer
from homeassistant.util.ulid import bytes_to_ulid

from ..source.states import Piece, StateRow
from .encoding import Encoding
from .sensor_data import (
    attributes_values,
    entity_values,
    is_available,
    quarter_values,
    state_numeric,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_DAY = 24 * 60 * 60 * _SECOND
_QUARTER = 15 * 60 * _SECOND
"""A quarter of an hour in microseconds."""
_FIRST_SECOND = -62_135_596_800
_END_SECOND = 253_402_300_800
"""BigQuery's timestamps are those of the years 1 to 9999."""
_MAX_QUARTERS = 1_000
_MAX_ATTRIBUTES_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where the home is: what local time and daylight depend on."""

    zone: tzinfo
    observer: Observer


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be sent: the recorder's id, what is known of it, and why not."""

    row_id: int
    values: Mapping[str, Any]
    reason: str


class RowKey(NamedTuple):
    """What identifies a row in BigQuery, and where it is."""

    entity_id: str
    last_updated: int
    """Microseconds since 1970."""
    day: int
    """Its partition, in days since 1970."""


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows ready to be sent, with the recorder's id of each, and those that cannot be."""

    ids: list[int] = field(default_factory=list)
    keys: list[RowKey] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)

    def batches(self, size: int) -> Iterator[EncodedRows]:
        """Yield the rows again, so many at once."""
        for start in range(0, len(self.data), size):
            part = slice(start, start + size)
            yield EncodedRows(self.ids[part], self.keys[part], self.data[part])

    def extend(self, more: EncodedRows) -> None:
        """Add the rows of another piece."""
        self.ids.extend(more.ids)
        self.keys.extend(more.keys)
        self.data.extend(more.data)
        self.refused.extend(more.refused)


@dataclass(frozen=True, slots=True)
class _Quarter:
    """A quarter of an hour: its fragment, and the local clock at its beginning."""

    fragment: bytes
    hour: str
    """Local date and hour, "2026-11-21 07:"."""
    minute: int


class StateEncoder:
    """Encodes states for one run, each scope of columns once."""

    def __init__(self, encoding: Encoding, run_values: Mapping[str, Any], place: Place) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._place = place
        self._run = encoding.fragment(run_values)
        self._entities: dict[str, bytes] = {}
        self._attributes: dict[str | None, bytes] = {}
        self._attributes_bytes = 0
        self._quarters: dict[int, _Quarter] = {}

    def encode(self, piece: Piece) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is refused and stops no other."""
        encoded = EncodedRows()
        for row in piece.rows:
            try:
                key, data = self._row(row, piece)
            except (ValueError, OverflowError) as err:
                encoded.refused.append(RefusedRow(row[0], _readable(row, piece), str(err)))
            else:
                encoded.ids.append(row[0])
                encoded.keys.append(key)
                encoded.data.append(data)
        return encoded

    def _row(self, row: StateRow, piece: Piece) -> tuple[RowKey, bytes]:
        (
            state_id,
            metadata_id,
            state,
            changed_ts,
            updated_ts,
            attributes_id,
            own_attributes,
            context,
            user,
            parent,
        ) = row
        entity_id = None if metadata_id is None else piece.entity_ids.get(metadata_id)
        if entity_id is None:
            raise ValueError("the recorder no longer knows its entity")
        if updated_ts is None:
            raise ValueError("the recorder has no time for it")
        updated = _microseconds(updated_ts)
        changed = updated if changed_ts is None else _microseconds(changed_ts)
        quarter_id, in_quarter = divmod(updated, _QUARTER)
        quarter = self._quarters.get(quarter_id) or self._quarter(quarter_id)
        seconds, micros = divmod(in_quarter, _SECOND)
        minute, second = divmod(seconds, 60)
        clock = f"{quarter.minute + minute:02}:{second:02}.{micros:06}"
        attributes = (
            own_attributes if attributes_id is None else piece.attributes.get(attributes_id)
        )
        data = self._encoding.row(
            self._run,
            self._entities.get(entity_id) or self._entity(entity_id),
            self._attributes.get(attributes) or self._attributes_fragment(attributes),
            quarter.fragment,
            self._encoding.fragment(
                {
                    "state": state,
                    "last_changed": changed,
                    "last_updated": updated,
                    "context_id": context and bytes_to_ulid(context),
                    "context_user_id": user and user.hex(),
                    "context_parent_id": parent and bytes_to_ulid(parent),
                    "state_numeric": state_numeric(state),
                    "state_changed": changed == updated,
                    "is_available": is_available(state),
                    "local_time": quarter.hour + clock,
                    "state_id": state_id,
                }
            ),
        )
        return RowKey(entity_id, updated, changed // _DAY), data

    def _entity(self, entity_id: str) -> bytes:
        fragment = self._encoding.fragment(entity_values(entity_id))
        self._entities[entity_id] = fragment
        return fragment

    def _attributes_fragment(self, text: str | None) -> bytes:
        if self._attributes_bytes > _MAX_ATTRIBUTES_BYTES:
            self._attributes.clear()
            self._attributes_bytes = 0
        fragment = self._encoding.fragment(attributes_values(text))
        self._attributes[text] = fragment
        self._attributes_bytes += len(fragment)
        return fragment

    def _quarter(self, quarter_id: int) -> _Quarter:
        if len(self._quarters) >= _MAX_QUARTERS:
            self._quarters.clear()
        start = _EPOCH + timedelta(microseconds=quarter_id * _QUARTER)
        local = start.astimezone(self._place.zone)
        quarter = _Quarter(
            self._encoding.fragment(quarter_values(local, self._place.observer)),
            f"{local:%Y-%m-%d %H:}",
            local.minute,
        )
        self._quarters[quarter_id] = quarter
        return quarter


def _microseconds(seconds: float) -> int:
    if not _FIRST_SECOND <= seconds < _END_SECOND:
        raise ValueError(f"its time, {seconds} seconds since 1970, is not in the years 1 to 9999")
    # As `datetime.fromtimestamp` rounds, and so as Home Assistant shows it. The product of the
    # whole number would be rounded before: in one case of eight to the other microsecond.
    whole = int(seconds)
    return whole * _SECOND + round((seconds - whole) * _SECOND)


def _readable(row: StateRow, piece: Piece) -> dict[str, Any]:
    """Return a row of the recorder under its own names, for a person to read."""
    (state_id, metadata_id, state, changed, updated, attributes_id, own, context, user, parent) = (
        row
    )
    return {
        "state_id": state_id,
        "entity_id": piece.entity_ids.get(metadata_id) if metadata_id else None,
        "state": state,
        "last_changed_ts": changed,
        "last_updated_ts": updated,
        "attributes": piece.attributes.get(attributes_id) if attributes_id else own,
        "context_id": context and context.hex(),
        "context_user_id": user and user.hex(),
        "context_parent_id": parent and parent.hex(),
    }
