"""A home and a BigQuery in memory: quick enough for thousands of exports, and as treacherous.

The deliveries are the real ones. Below them are stand-ins for the requests that they make: of
write streams by `Streams`, of load jobs by `Jobs`, of reading back by `SimulatedExistingRows`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from enum import StrEnum, auto
from functools import partial
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, NamedTuple, override

from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, NotFound
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsRequest,
    AppendRowsResponse,
    RowError,
    StorageError,
    WriteStream,
)
from homeassistant.components.recorder.db_schema import SCHEMA_VERSION
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.bigquery.row_file import RowFile
from custom_components.bigquery_export.bigquery.streaming_buffer import StreamingBuffer
from custom_components.bigquery_export.errors import (
    CheckpointUnwritableError,
    ExportError,
    RefusedError,
    UnreachableError,
)
from custom_components.bigquery_export.export.checkpoint import Checkpoint
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.delivery import (
    Delivery,
    Outcome,
    Rejection,
    StreamDelivery,
    Transaction,
)
from custom_components.bigquery_export.export.existing_rows import FoundRow
from custom_components.bigquery_export.export.fence import (
    FencedTransaction,
    FenceMovedError,
    FenceState,
)
from custom_components.bigquery_export.export.open_stream import Append
from custom_components.bigquery_export.export.rejected_rows import (
    Kept,
    RejectedEntry,
    RejectedRows,
)
from custom_components.bigquery_export.rows.columns import EXPORT_ID, EXPORT_TIMESTAMP, SOURCE
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows, RejectedRow, RowKey
from custom_components.bigquery_export.rows.encoding import Encoding
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.fragments import encode_each
from custom_components.bigquery_export.rows.table import Column, ColumnType, Mode, Scope, Table
from custom_components.bigquery_export.source.source_table import Anchor, ExportedIds, IdRange

type Identity = tuple[str, int]
"""A name and a time in microseconds, by which a row is known again."""

DAY = 24 * 60 * 60 * 1_000_000
STREAMED = "streamed"
"""When a row was committed, if by a write stream; it is no column."""
BROKEN = "broken"
"""The name of rows that cannot be encoded."""
HISTORY = Table(
    name="history",
    description="A small table",
    partition_by="time",
    cluster_by=("name",),
    columns=(
        EXPORT_TIMESTAMP,
        SOURCE,
        EXPORT_ID,
        Column("name", ColumnType.STRING, Scope.ENTITY, "Of what it tells", Mode.REQUIRED),
        Column("time", ColumnType.TIMESTAMP, Scope.ROW, "When", Mode.REQUIRED),
        Column("id", ColumnType.INT64, Scope.ROW, "The recorder's id", Mode.REQUIRED),
        Column("uid", ColumnType.INT64, Scope.ROW, "What no other row has", Mode.REQUIRED),
    ),
    id="id",
    identity=("name", "time"),
)
TABLES = {table.name: table for table in (HISTORY, EXPORT_LOG)}
_PROTOBUF = {name: ProtobufEncoding(table) for name, table in TABLES.items()}
_NDJSON = {name: NdjsonEncoding(table) for name, table in TABLES.items()}


_Code = StorageError.StorageErrorCode


class Crash(BaseException):
    """The process dies here."""


class When(StrEnum):
    """When a fault happens, seen from the call that it happens to."""

    BEFORE = auto()
    AFTER = auto()
    LATE = auto()
    """The request is on its way, and is done later or never; other calls are not made."""


class Kind(StrEnum):
    """What a fault is."""

    CRASH = auto()
    ERROR = auto()
    STOP = auto()
    """The run is told to stop."""
    ARRIVE = auto()
    """Nothing fails, but what a dead process has asked for is done now."""
    REFUSE = auto()
    """BigQuery refuses this commit, and all later ones of the transaction."""
    OTHER = auto()
    """Nothing fails, but a copy of this home, on a second machine, exports now."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong in an export: at which call of which step."""

    step: str
    call: int
    when: When
    kind: Kind


class Tripwire:
    """Lets one fault happen."""

    def __init__(self) -> None:
        """Let everything go well."""
        self.fault: Fault | None = None
        self.effects: dict[Kind, Callable[[], object]] = {}
        """What else than to raise there is to do."""
        self.in_flight: list[Callable[[], object]] = []
        """What a process that is dead, or no longer waits, has asked BigQuery for."""
        self.struck: Fault | None = None
        """The fault that has happened."""
        self._calls = 0

    def set(self, fault: Fault | None) -> None:
        """Let a fault happen from now on, or none."""
        if fault:
            self.struck = None
        self.fault = fault
        self._calls = 0

    def run[T](self, step: str, call: Callable[[], T]) -> T:
        """Make a call that is a step of the protocol."""
        fault = self.fault
        if fault is None or fault.step != step:
            return call()
        self._calls += 1
        if self._calls != fault.call:
            return call()
        if fault.when is When.LATE and step in ("request", "fence"):
            self.in_flight.append(call)
        if fault.when is not When.AFTER:
            self._strike(fault)
            return call()
        result = call()
        self._strike(fault)
        return result

    def arrive(self) -> None:
        """Let everything be done that was asked for."""
        while self.in_flight:
            with suppress(FenceMovedError, GoogleAPICallError, RefusedError):
                self.in_flight.pop(0)()

    def _strike(self, fault: Fault) -> None:
        self.struck = fault
        if fault.kind in self.effects:
            self.effects[fault.kind]()
        elif fault.kind is Kind.CRASH:
            raise Crash
        elif fault.step == "save":
            raise CheckpointUnwritableError(path="checkpoint", message="not now")
        else:
            raise UnreachableError(endpoint="BigQuery", message="not now")


@dataclass
class Stream:
    """A write stream."""

    table: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    finalized: bool = False
    committed: bool = False
    open: bool = False
    """Whether its rows are in the table when they are appended."""
    spoiled: bool = False
    """Whether it cannot be committed for a reason of BigQuery's own."""


@dataclass
class Job:
    """A load job, with the attributes of the client library's."""

    job_id: str
    table: str
    lines: list[tuple[int, bytes]]
    labels: Mapping[str, str]
    max_bad_records: int
    spoiled: bool
    done: bool = False
    error_result: dict[str, str] | None = None
    errors: list[dict[str, str]] = field(default_factory=list)
    output_rows: int | None = None


class BigQuery:
    """What BigQuery keeps: rows, write streams and load jobs. It stands in for a connection."""

    def __init__(self, wire: Tripwire) -> None:
        """Begin with empty tables, and a fence of which no transaction was begun."""
        self.wire = wire
        self.clock: Callable[[], float] = lambda: 0.0
        """Returns the seconds since 1970."""
        self.buffer_seconds = 0.0
        """How long rows of write streams are not listed, from their commit on."""
        self.buffer_lag = 0.0
        """How long nobody is told that they are not."""
        self.may_query = False
        self.fence: FenceState | None = FenceState(FencedTransaction(""), 0)
        self.tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        self.committed: dict[str, int] = {}
        """How many rows were committed to the history, by transaction."""
        self.streams: dict[str, Stream] = {}
        self.jobs: dict[str, Job] = {}
        self.unwanted: set[str] = set()
        """Names of rows that are rejected at the moment."""
        self.spoils = False
        """Whether the next commit is refused."""
        self._numbers = 0
        wire.effects |= {Kind.ARRIVE: wire.arrive, Kind.REFUSE: self.spoil}

    def storage_errors(self) -> AbstractContextManager[None]:
        """Map no errors, as the real connection would."""
        return nullcontext()

    def authenticate(self) -> None:
        """Get no token, as none is needed."""

    def wait(self, seconds: float) -> None:
        """Wait for nothing: time passes where a test says so."""

    def spoil(self) -> None:
        """Refuse the next commit."""
        self.spoils = True

    @property
    def history(self) -> Counter[Identity]:
        """Return what is in the table, by what rows are known by."""
        return Counter((row["name"], row["time"]) for row in self.tables[HISTORY.name])

    def by_kind(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many rows were appended to open streams, and committed otherwise."""
        is_append = {name: "@" in name for name in self.committed}
        return (
            {name: rows for name, rows in self.committed.items() if is_append[name]},
            {name: rows for name, rows in self.committed.items() if not is_append[name]},
        )

    def create_stream(self, table: Table, type_: WriteStream.Type) -> str:
        """Open a write stream."""
        self._numbers += 1
        name = f"stream{self._numbers}"
        is_open = type_ == WriteStream.Type.COMMITTED
        self.streams[name] = Stream(table.name, open=is_open)
        return name

    def append(self, name: str, offset: int, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows to a stream whose rows are in the table at once."""
        stream = self.streams.get(name)
        if stream is None or stream.finalized or self._take_spoil():
            raise RefusedError(message="the stream takes no rows")
        if offset < len(stream.rows):
            raise AlreadyExists(name)
        if offset > len(stream.rows):
            raise RefusedError(message="there are rows missing before")
        stream.rows += rows
        self._add(
            str(Append(name, offset, len(rows))),
            stream.table,
            [{**row, STREAMED: self.clock()} for row in rows],
        )

    def commit_stream(self, name: str) -> list[_Code]:
        """Commit a write stream; return why not, or nothing if it was committed before."""
        stream = self.streams.get(name)
        if stream is None:
            return [_Code(_Code.STREAM_NOT_FOUND)]
        stream.spoiled |= self._take_spoil()
        if stream.spoiled or not stream.finalized:
            return [_Code(_Code.INVALID_STREAM_STATE)]
        if not stream.committed:
            stream.committed = True
            self._add(name, stream.table, [{**row, STREAMED: self.clock()} for row in stream.rows])
        return []

    def write_fence(self, before: FenceState | None, transaction: FencedTransaction) -> FenceState:
        """Change the fence, if it is as it was before; a copy of it is another one."""
        if self.fence is not before:
            raise FenceMovedError
        self.fence = FenceState(transaction, int(self.clock() * 1000))
        return self.fence

    def is_listed(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row is in its partition."""
        streamed: float = row.get(STREAMED, float("-inf"))
        return self.clock() >= streamed + self.buffer_seconds

    def buffer(self, table: str) -> StreamingBuffer:
        """Return what tables.get says of a table's streaming buffer."""
        told = self.clock() - self.buffer_lag
        streamed = [row[STREAMED] for row in self.tables[table] if not self.is_listed(row)]
        return StreamingBuffer(
            self.clock(), min((time for time in streamed if time <= told), default=None)
        )

    def begin_job(self, job: Job) -> None:
        """Begin a load job, unless another one has its id."""
        job.spoiled = self._take_spoil()
        if job.job_id not in self.jobs:
            self.jobs[job.job_id] = job
            self.wire.in_flight.append(lambda: self.end_job(job))

    def end_job(self, job: Job) -> None:
        """Let a load job come to its end: it takes all rows or none."""
        if job.done:
            return
        job.done = True
        if job.spoiled:
            job.error_result = {"reason": "backendError", "message": "not now"}
            return
        rows: list[dict[str, Any]] = []
        for place, line in job.lines:
            try:
                row = _NDJSON[job.table].decode(line)
            except ValueError:
                row = {"name": None}
            if row.get("name", "") in {None, *self.unwanted}:
                message = f"Error while reading data; row starting at position {place}: unwanted"
                job.errors.append({"message": message})
                if not job.max_bad_records:
                    break
            else:
                rows.append(row)
        if len(job.errors) > job.max_bad_records:
            job.error_result = {"reason": "invalid", "message": "unwanted"}
        else:
            job.output_rows = len(rows)
            self._add(job.job_id, job.table, rows)

    def forget(self, transaction: str) -> None:
        """Forget a transaction; if it was not committed, it never will be."""
        self.streams.pop(transaction, None)
        self.jobs.pop(transaction, None)

    def _add(self, transaction: str, table: str, rows: Sequence[dict[str, Any]]) -> None:
        self.tables[table] += rows
        if table == HISTORY.name and rows:
            self.committed[transaction] = len(rows)

    def _take_spoil(self) -> bool:
        spoils, self.spoils = self.spoils, False
        return spoils


class Streams:
    """The calls of the Storage Write API for one table."""

    def __init__(self, connection: BigQuery, table: Table) -> None:
        """Write to a table."""
        self.connection = connection
        self._wire = connection.wire
        self._table = table

    def errors(self) -> AbstractContextManager[None]:
        """Map no errors, as the real streams would."""
        return nullcontext()

    def create(self, type_: WriteStream.Type) -> str:
        """Open a write stream."""
        return self.connection.create_stream(self._table, type_)

    def append_rows(self, name: str, requests: SimpleQueue[bytes | None]) -> _Answers:
        """Open a connection that appends to a write stream."""
        return _Answers(self.connection, name, requests)

    def finalize(self, name: str) -> int:
        """End a write stream, and say how many rows it has."""

        def finalize() -> int:
            if (stream := self.connection.streams.get(name)) is None:
                raise NotFound(name)
            stream.finalized = True
            return len(stream.rows)

        known = self.connection.streams.get(name)
        return finalize() if known and not known.open else self._wire.run("find", finalize)

    def is_committed(self, name: str) -> bool:
        """Return whether a stream is committed. Raises NotFound when it is not known."""

        def get() -> bool:
            stream = self.connection.streams.get(name)
            if stream is None:
                raise NotFound(name)
            return stream.committed

        return self._wire.run("find", get)

    def commit(self, name: str) -> list[_Code]:
        """Return why the stream is not committed; an empty list means that it is."""
        return self._wire.run("request", lambda: self.connection.commit_stream(name))


class _Answers(Iterator[AppendRowsResponse]):
    """The answers of one connection that appends."""

    def __init__(
        self,
        bigquery: BigQuery,
        name: str,
        requests: SimpleQueue[bytes | None],
    ) -> None:
        self._bigquery = bigquery
        self._name = name
        self._stream = bigquery.streams.get(name) or Stream(HISTORY.name, open=True)
        self._requests = requests

    @override
    def __next__(self) -> AppendRowsResponse:
        request = self._requests.get_nowait()
        if request is None:
            raise StopIteration
        decode = _PROTOBUF[self._stream.table].decode
        message = AppendRowsRequest.pb(AppendRowsRequest.deserialize(request))
        rows = [decode(data) for data in message.proto_rows.rows.serialized_rows]
        errors = [
            RowError(index=index, message="unwanted")
            for index, row in enumerate(rows)
            if row.get("name") in self._bigquery.unwanted
        ]
        if not errors and self._stream.open:
            offset = message.offset.value
            append = partial(self._bigquery.append, self._name, offset, rows)
            self._bigquery.wire.run("request", append)
        elif not errors:
            self._stream.rows += rows
        return AppendRowsResponse(row_errors=errors)

    def cancel(self) -> bool:
        return True


class Jobs:
    """The load jobs of one table."""

    reference = "home.history"

    def __init__(self, connection: BigQuery, table: Table, _budget: object) -> None:
        """Load into a table."""
        self._bigquery = connection
        self._table = table

    def check_budget(self) -> None:
        """Allow any number of jobs."""

    def run(
        self,
        job_id: str,
        file: RowFile,
        *,
        max_bad_records: int = 0,
        labels: Mapping[str, str] | None = None,
    ) -> Job:
        """Return the job with this id when it is done: a new one, or the one that had it."""
        lines = list(file.lines())
        job = Job(job_id, self._table.name, lines, labels or {}, max_bad_records, spoiled=False)
        self._bigquery.wire.run("request", lambda: self._bigquery.begin_job(job))
        return self._wait(job_id)

    def find(self, job_id: str) -> Job | None:
        """Return the job with this id when it is done, or None when there is none."""
        known = self._bigquery.wire.run("find", lambda: job_id in self._bigquery.jobs)
        return self._wait(job_id) if known else None

    def failure(self, job: Job) -> ExportError:
        """Return why a job failed."""
        assert job.error_result
        return UnreachableError(endpoint="BigQuery", message=job.error_result["message"])

    def _wait(self, job_id: str) -> Job:
        job = self._bigquery.jobs[job_id]
        self._bigquery.end_job(job)
        return job


class SimulatedFence:
    """The fence, as one process knows it."""

    def __init__(self, bigquery: BigQuery) -> None:
        """Know nothing of it yet."""
        self._bigquery = bigquery
        self._state: FenceState | None = None

    def read(self) -> FenceState | None:
        """Return what BigQuery knows."""
        self._state = self._bigquery.wire.run("fence", lambda: self._bigquery.fence)
        return self._state

    def make(self, first: FencedTransaction) -> FenceState:
        """Make the fence."""
        self._state = self._bigquery.wire.run(
            "fence", lambda: self._bigquery.write_fence(None, first)
        )
        return self._state

    def is_ready(self) -> bool:
        """Return whether it can be written."""
        return True

    def write(self, transaction: FencedTransaction) -> FenceState:
        """Write which transaction is begun now; as the real one, know an own answer again."""
        before = self._state
        if before is None:
            raise FenceMovedError
        try:
            self._state = self._bigquery.wire.run(
                "fence", lambda: self._bigquery.write_fence(before, transaction)
            )
        except FenceMovedError:
            now = self._bigquery.fence
            if now is None or now.last != transaction:
                raise
            self._state = now
        return self._state


class SimulatedExistingRows:
    """Looks for rows in BigQuery."""

    def __init__(self, bigquery: BigQuery) -> None:
        """Look into a BigQuery for one export."""
        self._bigquery = bigquery
        self._queried = False

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Return in how many seconds all is found that was committed before a time."""
        if not before:
            return 0.0
        buffer = self._bigquery.wire.run("look", lambda: self._bigquery.buffer(table.name))
        seconds = buffer.seconds_until_listed(before / 1000)
        self._queried = bool(seconds) and query and self._bigquery.may_query
        return 0.0 if self._queried else seconds

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield the rows in one partition of a table."""
        rows = self._bigquery.wire.run(
            "look",
            lambda: [
                row
                for row in self._bigquery.tables[table.name]
                if self._queried or self._bigquery.is_listed(row)
            ],
        )
        found = [
            row for row in rows if table.partition_start(row["time"] // DAY) == partition_start
        ]
        yield from (FoundRow(row["name"], row["time"], row["id"]) for row in found)


class BrittleDelivery:
    """A delivery whose calls may go wrong."""

    def __init__(self, delivery: Delivery, wire: Tripwire) -> None:
        """Use a real delivery."""
        self.name = delivery.name
        self.sending_is_billed = delivery.sending_is_billed
        self.is_listed_at_once = delivery.is_listed_at_once
        self.load_jobs_used = 0
        self._delivery = delivery
        self._wire = wire

    def encoding(self, table: Table) -> Encoding:
        """Return how rows have to be encoded."""
        return (_NDJSON if self.name == "load_job" else _PROTOBUF)[table.name]

    def check_access(self, table: Table) -> None:
        """Allow everything."""

    def begin(self, table: Table, label: str) -> Transaction:
        """Open a transaction."""
        begin = self._delivery.begin
        return self._wire.run("begin", lambda: _Transaction(begin(table, label), self._wire))

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Decide a transaction in doubt."""
        return self._wire.run("settle", lambda: self._delivery.settle(table, transaction, age))


class BrittleStreamDelivery(BrittleDelivery):
    """A delivery to streams that stay open, whose calls may go wrong."""

    def close_stream(self, table: Table, name: str, age: float = 0.0) -> int | None:
        """End a stream, and return how many rows it has."""
        delivery = self._delivery
        assert isinstance(delivery, StreamDelivery)
        return self._wire.run("settle", lambda: delivery.close_stream(table, name, age))

    def is_old(self, table: Table) -> bool:
        """Return whether the stream of a table has been open for long."""
        assert isinstance(self._delivery, StreamDelivery)
        return self._delivery.is_old(table)

    def forget(self, table: Table) -> None:
        """Append to the stream of a table no more."""
        assert isinstance(self._delivery, StreamDelivery)
        self._delivery.forget(table)

    def close(self) -> None:
        """Close nothing."""


class _Transaction:
    def __init__(self, transaction: Transaction, wire: Tripwire) -> None:
        self._transaction = transaction
        self._wire = wire
        self.close = transaction.close

    @property
    def name(self) -> str:
        return self._transaction.name

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        return self._wire.run("append", lambda: self._transaction.append(rows))

    def finish(self) -> None:
        self._wire.run("finish", self._transaction.finish)

    def commit(self) -> list[Rejection]:
        return self._wire.run("commit", self._transaction.commit)


class BrittleFile(CheckpointFile):
    """A checkpoint file whose writing may go wrong."""

    def __init__(self, hass: HomeAssistant, wire: Tripwire) -> None:
        """Name the file."""
        super().__init__(hass, "entry")
        self._wire = wire

        self.saved: list[bytes] = []
        """All that was ever in it: a backup may be made at any time."""

    @override
    def save(self, checkpoint: Checkpoint) -> None:
        def save() -> None:
            super(BrittleFile, self).save(checkpoint)
            # Less the room for what changes later.
            self.saved.append(self.path.read_bytes().rstrip(b"\0"))

        self._wire.run("save", save)


class BrittleRejectedRows(RejectedRows):
    """A file of rejected rows whose writing may go wrong."""

    def __init__(self, hass: HomeAssistant, wire: Tripwire) -> None:
        """Name the file."""
        super().__init__(hass, "entry")
        self._wire = wire

    @override
    def append(self, export_id: str, table: Table, rows: Any) -> Kept:
        append = super().append
        return self._wire.run("keep", lambda: append(export_id, table, rows))

    @override
    def take_out(self, entries: Any, still: Any) -> None:
        take_out = super().take_out
        self._wire.run("take_out", lambda: take_out(entries, still))


@dataclass(frozen=True, order=True)
class Row:
    """A row of the recorder."""

    id: int
    name: str
    time: int
    uid: int

    @property
    def identity(self) -> Identity:
        """Return what the row is known by."""
        return self.name, self.time

    @property
    def anchor(self) -> Anchor:
        """Return the row as an anchor."""
        return Anchor(self.id, f"{self.time} {self.uid}")


class Database(NamedTuple):
    """What a copy of the recorder's database has."""

    rows: tuple[Row, ...] = ()
    runs: tuple[Anchor, ...] = ()
    """The recorder's runs, of which each start of Home Assistant begins one."""


class Recorder:
    """The recorder's database: its rows in the order of their ids. It is a reader, too."""

    def __init__(self, wire: Tripwire) -> None:
        """Begin with an empty database."""
        self._wire = wire
        self.rows: tuple[Row, ...] = ()
        self.ever: set[Row] = set()
        self.uids = count(1)
        self._runs: tuple[Anchor, ...] = ()
        self.begin_run()

    def copy(self) -> Recorder:
        """Return the recorder of a second machine; what either ever had counts for both."""
        other = Recorder(self._wire)
        other.ever, other.uids = self.ever, self.uids
        other.database = self.database
        return other

    @property
    def database(self) -> Database:
        """Return the database as it is now."""
        return Database(self.rows, self._runs)

    @database.setter
    def database(self, database: Database) -> None:
        self.rows, self._runs = database
        self.begin_run()

    def begin_run(self) -> None:
        """Begin a run, as each start of Home Assistant does."""
        self._runs += (Anchor(len(self._runs) + 1, f"run {next(self.uids)}"),)

    def current_run(self, known: Anchor | None) -> tuple[Anchor, bool]:
        """Return the run that goes on, and whether the database has another one."""
        return self._runs[-1], known in self._runs

    @property
    def identities(self) -> Counter[Identity]:
        """Return what there is, by what rows are known by."""
        return Counter(row.identity for row in self.rows)

    def insert(self, name: str, time: int) -> None:
        """Insert a row; as in SQLite, its id is one more than the highest."""
        row = Row(self.newest_id() + 1, name, time, next(self.uids))
        self.rows += (row,)
        self.ever.add(row)

    def connected(self) -> AbstractContextManager[None]:
        """Read from memory."""
        return nullcontext()

    def newest_id(self) -> int:
        """Return the highest id."""
        return self.rows[-1].id if self.rows else 0

    def oldest_id(self) -> int | None:
        """Return the lowest id."""
        return self.rows[0].id if self.rows else None

    def fingerprints(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the fingerprints of those rows that there are, by id."""
        return {row.id: row.anchor.fingerprint for row in self.rows if row.id in ids}

    def count(self, after: int, until: int | None = None) -> int:
        """Return how many rows wait."""
        return sum(row.id > after and (until is None or row.id <= until) for row in self.rows)

    def exported(self, exported: ExportedIds) -> list[Row]:
        """Return the rows that are exported where a table stands like this."""
        return [row for row in self.rows if any(ids.has(row.id) for ids in exported)]

    def repeats(self, after: int, until: int, exported: ExportedIds) -> Mapping[int, int]:
        """Return how many exported rows are known by the same as a row behind `after`, by id."""
        before = Counter(row.identity for row in self.exported(exported))
        behind = [row for row in self.rows if after < row.id <= until]
        return {row.id: before[row.identity] for row in behind if row.identity in before}

    def times(self, after: int, until: int) -> list[tuple[float | None, float | None]]:
        """Return when rows are from, twice."""
        rows = [row for row in self.rows if after < row.id <= until]
        return [(row.time / 1e6, row.time / 1e6) for row in rows]

    def partition_time(self, row: Any) -> float | None:
        """Return when a row is from."""
        time: int = row.time
        return time / 1e6

    def times_of(self, row: Any) -> tuple[float | None, float | None]:
        """Return when a row is from, twice."""
        time = self.partition_time(row)
        return time, time

    def latest_id(self) -> int | None:
        """Return no id: ids never begin lower than before."""
        return None

    def damage(self, after: int, until: int) -> IdRange:
        """Return no ids: all rows can be read."""
        return IdRange(until, until)

    def narrow(self, first: float, last: float) -> None:
        """Go on reading all rows."""

    def read(self, after: int, until: int, limit: int = 1_000) -> Sequence[Row] | Any:
        """Return the next rows, or None when there are none."""
        rows = [row for row in self.rows if after < row.id <= until][:limit]
        return self._wire.run("read", lambda: Piece(rows) if rows else None)


@dataclass(frozen=True)
class Piece:
    """Rows that were read at once."""

    rows: Sequence[Row]

    @property
    def last(self) -> Anchor:
        """Return the last row."""
        return self.rows[-1].anchor


class RowEncoder:
    """Encodes rows of the recorder."""

    def __init__(self, encoding: Encoding, run_values: Mapping[str, Any]) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._run = encoding.fragment(run_values)

    def encode(self, piece: Piece) -> EncodedRows:
        """Encode a piece."""
        rows = [(row.id, row.name, row.time, row.uid) for row in piece.rows]
        return encode_each(rows, self._row, _values)

    def _row(self, row: tuple[int, str, int, int]) -> tuple[RowKey, bytes]:
        _, name, time, _ = row
        if name == BROKEN:
            raise ValueError("it cannot be encoded")
        data = self._encoding.row(self._run, self._encoding.fragment(_values(row)))
        return RowKey(name, time, time // DAY), data


def _values(row: tuple[int, str, int, int]) -> dict[str, Any]:
    return dict(zip(("id", "name", "time", "uid"), row, strict=True))


class SmallHome:
    """As much of Home Assistant as an export needs, and of its recorder; executors run at once."""

    schema_version = SCHEMA_VERSION
    keep_days = 10
    auto_purge = True
    migration_in_progress = False

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        """Keep files in a folder."""
        self.recorder = recorder
        self.config = SimpleNamespace(path=lambda *parts: str(folder.joinpath(*parts)))
        self.data = {DATA_INSTANCE: self}

    async def async_add_executor_job[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call."""
        return call(*args)


def finish[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(coroutine)


def identity_of(entry: RejectedEntry | RejectedRow) -> Identity:
    """Return what a rejected row is known by."""
    values = entry.row if isinstance(entry, RejectedEntry) else entry.values
    return values["name"], values["time"]
