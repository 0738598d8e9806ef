"""Encoding the recorder's events as rows of `events`."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID, ATTR_SERVICE_DATA

from ..source.events import EVENTS, EventRow, EventsPiece
from ..source.statements import as_text
from .context import RowContext
from .encoded_rows import EncodedRows, RowKey
from .encoding import Encoding
from .events import event_values, origin
from .fragments import Fragments, encode_each
from .json_objects import JsonObject, as_json, json_object
from .local_time import DAY, QUARTER, Quarters
from .readable import readable
from .recorded_values import blob, time, ulid


class EventEncoder:
    """Encodes events for one run, each scope of columns once."""

    def __init__(self, encoding: Encoding, run: RowContext) -> None:
        """Make an encoder whose rows all have the values of the run."""
        self._encoding = encoding
        self._row_context = run
        self._user = run.privacy.user
        self._run = encoding.fragment(run.run_values)
        self._events = Fragments[tuple[str, str | None]](self._event)
        self._events_of_users = self._events
        if run.choice.events.tells_users:
            self._events_of_users = Fragments(partial(self._event, by_user=True))
        self._damaged: set[tuple[str, str | None]] = set()
        """Types and data of events whose data are not sent as the recorder has them."""
        self._repaired: list[int] = []
        self._quarters = Quarters(encoding, run.place)

    def encode(self, piece: EventsPiece) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is rejected and stops no other."""
        self._repaired = []
        rows = encode_each(piece.rows, partial(self._row, piece), partial(_readable, piece))
        return replace(rows, repaired=self._repaired)

    def _row(self, piece: EventsPiece, row: EventRow) -> tuple[RowKey, bytes] | None:
        (
            event_id,
            event_type_id,
            data_id,
            own_data,
            fired_ts,
            origin_index,
            own_origin,
            context,
            user,
            parent,
        ) = row
        event_type = None if event_type_id is None else piece.event_types.get(event_type_id)
        if event_type is None:
            raise ValueError("the recorder no longer knows its type")
        type_and_data = event_type, _data(piece, data_id, own_data)
        events = self._events if user is None else self._events_of_users
        if not (event := events[type_and_data]):
            return None
        if type_and_data in self._damaged:
            self._repaired.append(event_id)
        fired = time("time_fired_ts", fired_ts)
        if fired is None:
            raise ValueError("the recorder has no time for it")
        user_id = blob("context_user_id", user)
        quarter = self._quarters[fired // QUARTER]
        data = self._encoding.row(
            self._run,
            event,
            quarter.fragment,
            self._encoding.fragment(
                {
                    "time_fired": fired,
                    "origin": origin(origin_index, own_origin),
                    "context_id": ulid("context_id", context),
                    "context_user_id": user_id and self._user(user_id.hex()),
                    "context_parent_id": ulid("context_parent_id", parent),
                    "local_time": fired + quarter.offset,
                    "event_id": event_id,
                }
            ),
        )
        return RowKey(event_type, fired, fired // DAY), data

    def _event(self, type_and_data: tuple[str, str | None], *, by_user: bool = False) -> bytes:
        """Return the fragment of all events with this type and data: empty if not chosen."""
        run = self._row_context
        event_type, text = type_and_data
        data = json_object(text)
        chosen = run.choice.events.chosen(event_type, data.values, by_user=by_user)
        if chosen is None:
            return b""
        if data.damaged:
            self._damaged.add(type_and_data)
        if chosen is not data.values:
            if (sent := self._without_excluded(chosen)) is None:
                return b""
            data = JsonObject(None if data.text is None else as_json(sent), sent)
        values = event_values(event_type, data, run.privacy.event)
        if entity_id := values["entity_id"]:  # An empty text is no entity.
            if "." in entity_id and not run.includes(entity_id):
                return b""
            values = {**values, "entity_id": run.privacy.entity(entity_id)}
        return self._encoding.fragment({**values, "user_id": run.privacy.user(values["user_id"])})

    def _without_excluded(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return parts of an event without entities that are not exported; None if it is theirs."""
        targets = data.get(ATTR_SERVICE_DATA, {})
        if not (entity_ids := targets.get(ATTR_ENTITY_ID)):
            return dict(data)
        # Others are `all`, or the registry's ids.
        included = [id_ for id_ in entity_ids if "." not in id_ or self._row_context.includes(id_)]
        if not included:
            return None
        return {**data, ATTR_SERVICE_DATA: {**targets, ATTR_ENTITY_ID: included}}


def _data(piece: EventsPiece, data_id: int | None, own: str | None) -> str | None:
    """Return the data of an event: shared with others, else its own, from before 2022."""
    return as_text(own) if data_id is None else piece.data.get(data_id)


def _readable(piece: EventsPiece, row: EventRow) -> dict[str, Any]:
    """Return a row of the recorder under its own names, for a person to read."""
    recorded = EVENTS.named(row)
    return readable(
        EVENTS,
        row,
        {
            "event_type_id": {"event_type": piece.event_types.get(recorded["event_type_id"])},
            "data_id": {"event_data": _data(piece, recorded["data_id"], recorded["event_data"])},
            "event_data": {},
            "origin_idx": {"origin": origin(recorded["origin_idx"], recorded["origin"])},
            "origin": {},
        },
    )
