"""Anything in any order: nothing is lost or duplicated, whatever happens to an export.

A machine makes exports and lets things happen between and within them: faults, crashes, commits
of dead processes that arrive late, transactions that BigQuery forgets, and whatever may be done
to the recorder's database and to the checkpoint. After each step it compares what is in BigQuery
with what a simple model says.

The home may be copied to a second machine, which exports, too, and rows that were streamed are not
listed for a while.

One thing is left out, because nothing can be done about it: a fence that is lost while a commit of
a dead process is still on its way. With the checkpoint lost, too, it is not known then what is
about to come, and it may come after its rows were looked for. So the machine lets it arrive before
the fence goes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import logging
from pathlib import Path
import shutil
from tempfile import mkdtemp
from threading import Thread
from time import monotonic
from typing import Any, ClassVar, NamedTuple, cast, override

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
import pytest

from custom_components.bigquery_export.bigquery import (
    DELIVERIES,
    committed_stream,
    load_job,
    storage_write,
)
from custom_components.bigquery_export.bigquery.committed_stream import CommittedStreamDelivery
from custom_components.bigquery_export.errors import ExportError
from custom_components.bigquery_export.export import (
    batch_reader,
    checkpoint as checkpoint_module,
    chunk as chunk_module,
    other_database,
    ownership,
    pace,
    partition_cache,
    positions,
    resume,
    table_export,
)
from custom_components.bigquery_export.export.checkpoint import Checkpoint, Intent
from custom_components.bigquery_export.export.delivery import Delivery
from custom_components.bigquery_export.export.journal import Journal
from custom_components.bigquery_export.export.live_run import LiveRun
from custom_components.bigquery_export.export.open_stream import COMMITTED_STREAM
from custom_components.bigquery_export.export.ports import Source
from custom_components.bigquery_export.export.positions import TablePosition
from custom_components.bigquery_export.export.reconcile import resend as resend_module
from custom_components.bigquery_export.export.reconcile.resend import Resend
from custom_components.bigquery_export.export.reconcile.retry import Retry
from custom_components.bigquery_export.export.reconcile.row_selection import RowSelection
from custom_components.bigquery_export.export.rejected_rows import SET_ASIDE, RejectedRows
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.export.session import Result, Session
from custom_components.bigquery_export.rows.columns import run_values
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from tests.bigquery_export.support.in_memory_bigquery import (
    BROKEN,
    DAY,
    HISTORY,
    TABLES,
    BigQuery,
    BrittleDelivery,
    BrittleFile,
    BrittleRejectedRows,
    BrittleStreamDelivery,
    Crash,
    Database,
    Fault,
    Identity,
    Jobs,
    Kind,
    Recorder,
    Row,
    RowEncoder,
    SimulatedExistingRows,
    SimulatedFence,
    SmallHome,
    Streams,
    Tripwire,
    When,
    finish,
    identity_of,
)

pytestmark = pytest.mark.real_buffer

EXAMPLES = 80
STEPS = 50
STEPS_OF_EXPORT = (
    "append",
    "begin",
    "commit",
    "fence",
    "find",
    "finish",
    "keep",
    "look",
    "read",
    "request",
    "save",
    "settle",
    "take_out",
)
PASSING = (Kind.CRASH, Kind.ERROR)
UNLOVED = "unloved"
"""The name of rows that BigQuery rejects for a while."""
LONG = timedelta(days=200)
"""After so long BigQuery has forgotten everything that was in doubt."""
LATE = [
    Fault(step, call, When.LATE, kind)
    for step in ("request", "fence")
    for call in range(1, 5)
    for kind in PASSING
]
FAULTS = [
    Fault(step, call, when, kind)
    for kind, steps in {
        Kind.CRASH: STEPS_OF_EXPORT,
        Kind.ERROR: STEPS_OF_EXPORT,
        Kind.STOP: ("read", "append", "save"),
        Kind.ARRIVE: ("find", "request", "look", "save"),
        Kind.REFUSE: ("request",),
        Kind.OTHER: ("fence", "look", "read", "request", "save"),
    }.items()
    for step in steps
    for call in range(1, 5)
    for when in (When.BEFORE, When.AFTER)
] + LATE
AT_COMMITS = [fault for fault in FAULTS if fault.step in ("commit", "fence", "request", "save")]
OTHERS = [fault for fault in FAULTS if fault.kind is Kind.OTHER]
DOUBTS = [fault for fault in FAULTS if fault.step == "request" and fault.kind in PASSING]
REFUSALS = [fault for fault in FAULTS if fault.kind is Kind.REFUSE]
RETRY_FAULTS = [
    fault
    for fault in FAULTS
    if fault.step in ("request", "save", "take_out") and fault.kind in PASSING and fault.call <= 2
]
NAMES = st.lists(
    st.sampled_from(("lamp", "meter", "lamp", "meter", UNLOVED, BROKEN)), min_size=1, max_size=7
)


class Machine(NamedTuple):
    """A machine with a copy of the home."""

    folder: Path
    hass: HomeAssistant
    recorder: Recorder
    file: BrittleFile
    journal: Journal | None


class Home(RuleBasedStateMachine):
    """A home whose history is exported, and to which anything may happen."""

    steps: ClassVar[int] = 0
    """Rules that all homes together have carried out."""
    exports: ClassVar[Counter[str]] = Counter()
    """How their exports ended."""
    faults: ClassVar[Counter[str]] = Counter()
    """The faults that they had."""
    now: ClassVar[datetime] = datetime(2026, 11, 21, tzinfo=UTC)

    def __init__(self) -> None:
        """Move in."""
        super().__init__()
        self.folder = Path(mkdtemp())
        (self.folder / ".storage").mkdir()
        self.wire = Tripwire()
        self.wire.effects[Kind.STOP] = self.stop
        self.wire.effects[Kind.OTHER] = self.export_of_other
        self.recorder = Recorder(self.wire)
        self.hass = cast(HomeAssistant, SmallHome(self.folder, self.recorder))
        self.bigquery = BigQuery(self.wire)
        self.bigquery.clock = lambda: Home.now.timestamp()
        self.file = BrittleFile(self.hass, self.wire)
        self.journal: Journal | None = None
        """What the process knows, until it ends."""
        self.other: Machine | None = None
        """The second machine, while it does not export."""
        self.deliveries: dict[str, Delivery] = {
            name: BrittleDelivery(delivery(self.bigquery), self.wire)  # type: ignore[arg-type]
            for name, delivery in DELIVERIES.items()
        }
        self.delivery = "storage_write"
        self.run: Run | Resend | None = None
        self.time = DAY * 20_000
        self.backups: list[Database] = []
        """Databases that may be restored."""
        self.fence_was_lost = False
        self.gaps: set[Identity] = set()
        """Rows that were purged before they were exported: they may come back with a backup."""
        self.needed: Counter[Identity] = Counter()
        """What was in the recorder when an export ended well."""
        self.excused: set[str] = set()
        """Transactions that the export log may lack, and the checkpoint may not have counted."""
        self.uncounted: int | None = 0
        """Rows that were committed before the checkpoint was lost; None if that is not known."""
        self.began = False

    # What happens to the recorder

    @initialize(names=NAMES, delivery=st.sampled_from(tuple(DELIVERIES)))
    def begin(self, names: Sequence[str], delivery: str) -> None:
        """Have a history, and choose a delivery."""
        self.record_rows(names)
        self.choose(delivery)

    @rule(names=NAMES, reverse=st.booleans(), new_day=st.booleans())
    def record(self, names: Sequence[str], *, reverse: bool, new_day: bool) -> None:
        """Record rows; those of one commit may be numbered against their times."""
        self.record_rows(names, reverse=reverse, new_day=new_day)

    def record_rows(
        self, names: Sequence[str], *, reverse: bool = False, new_day: bool = False
    ) -> None:
        """Insert rows with new times."""
        self.time += DAY if new_day else 10
        for index, name in enumerate(names):
            offset = len(names) - index if reverse else index
            self.recorder.insert(name, self.time + offset)

    @precondition(lambda self: self.can_have_twins())
    @rule()
    def record_twin(self) -> None:
        """Record a row that is known by the same as the newest."""
        newest = self.recorder.rows[-1]
        self.recorder.insert(newest.name, newest.time)

    def can_have_twins(self) -> bool:
        """Return whether the newest row may have a twin: not if one could be rejected alone.

        That is what `test_rejected_row_with_a_twin` is about.
        """
        return bool(self.recorder.rows) and self.recorder.rows[-1].name not in (UNLOVED, BROKEN)

    @precondition(lambda self: self.recorder.rows)
    @rule(number=st.integers(0, 20))
    def purge(self, number: int) -> None:
        """Purge rows up to a time."""
        times = sorted(row.time for row in self.recorder.rows)
        until = times[min(number, len(times) - 1)]
        gone = [row.identity for row in self.recorder.rows if row.time <= until]
        self.gaps |= {identity for identity in gone if identity not in self.bigquery.history}
        self.replace(row for row in self.recorder.rows if row.time > until)

    @precondition(lambda self: self.recorder.rows)
    @rule(number=st.integers(1, 8))
    def delete_newest(self, number: int) -> None:
        """Delete the newest rows, whose ids will be given again."""
        self.replace(self.recorder.rows[:-number])

    @rule()
    def back_up(self) -> None:
        """Make a copy of the database."""
        self.backups.append(self.recorder.database)

    @precondition(lambda self: self.backups)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """Restore a copy, and lose what has been recorded since."""
        self.recorder.database = data.draw(st.sampled_from(self.backups))

    @rule()
    def set_aside(self) -> None:
        """Set the database aside, and begin with an empty one."""
        self.back_up()
        self.recorder.database = Database()

    @precondition(lambda self: self.can_be_renumbered())
    @rule(factor=st.integers(1, 3), offset=st.integers(-3, 30))
    def renumber(self, factor: int, offset: int) -> None:
        """Move the database to another server, which numbers the rows anew."""
        first = self.recorder.rows[0].id
        rows = tuple(
            Row((row.id - first) * factor + max(1, first + offset), row.name, row.time, row.uid)
            for row in self.recorder.rows
        )
        self.recorder.ever.update(rows)
        self.replace(rows)

    def can_be_renumbered(self) -> bool:
        """Return whether the rows may get other ids: not if one could be rejected.

        Should BigQuery take it under its new id, a retry would send it under the old one again.
        """
        rejected = {row.identity for row in self.recorder.rows if row.name == UNLOVED}
        return bool(self.recorder.rows) and rejected <= self.bigquery.history.keys()

    def replace(self, rows: Iterator[Row] | Sequence[Row] | Any) -> None:
        """Have other rows in the recorder."""
        self.recorder.rows = tuple(rows)

    # What happens to BigQuery

    @rule(unwanted=st.booleans())
    def change_mind(self, *, unwanted: bool) -> None:
        """Let BigQuery reject some rows from now on, or not any more."""
        self.bigquery.unwanted = {UNLOVED} if unwanted else set()

    @precondition(lambda self: self.wire.in_flight)
    @rule()
    def arrive(self) -> None:
        """Let everything be done that dead processes have asked for."""
        self.wire.arrive()

    @precondition(lambda self: self.intents)
    @rule(log=st.booleans())
    def forget(self, *, log: bool) -> None:
        """Let BigQuery forget a write stream that is in doubt."""
        for intent in self.intents:
            stream = intent.log_transaction if log else intent.transaction
            if stream in self.bigquery.streams:
                self.bigquery.forget(stream)
                self.excused.add(intent.transaction)

    @rule()
    def wait_long(self) -> None:
        """Let so much time pass that BigQuery has forgotten what was in doubt."""
        self.wire.arrive()
        for transaction in (*self.bigquery.streams, *self.bigquery.jobs):
            self.bigquery.forget(transaction)
        self.excused.update(intent.transaction for intent in self.intents)
        if self.checkpoint.streams or self.file.load().streams:
            self.forget_counts()  # Of a stream that is forgotten it is not known what it had.
        Home.now += LONG

    # What happens to the process and its files

    @rule()
    def restart(self) -> None:
        """Know no more than what is in the file."""
        self.journal = None
        self.recorder.begin_run()

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what the process knows, or what the next one will."""
        return self.journal.checkpoint if self.journal else self.file.load()

    @precondition(lambda self: self.file.saved)
    @rule(data=st.data(), database=st.booleans())
    def restore_checkpoint(self, data: st.DataObject, *, database: bool) -> None:
        """Put a checkpoint back from a backup that was made at any time, or a database, too."""
        self.forget_counts()
        self.file.path.write_bytes(data.draw(st.sampled_from(self.file.saved)))
        if database and self.backups:
            self.recorder.database = data.draw(st.sampled_from(self.backups))
        self.restart()

    def forget_counts(self) -> None:
        """Do not expect any more that a checkpoint knows how many rows were committed."""
        self.uncounted = None
        self.excused.update(intent.transaction for intent in self.intents)
        if self.bigquery.fence:
            self.excused.add(self.bigquery.fence.last.transaction)

    @precondition(lambda self: self.other is None)
    @rule()
    def copy_home(self) -> None:
        """Copy everything to a second machine, which goes on by itself from now on."""
        self.forget_counts()
        folder = Path(mkdtemp())
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        recorder = self.recorder.copy()
        hass = cast(HomeAssistant, SmallHome(folder, recorder))
        self.other = Machine(folder, hass, recorder, BrittleFile(hass, self.wire), None)

    @precondition(lambda self: self.other)
    @rule()
    def change_machine(self) -> None:
        """Let everything happen to the other machine from now on; both are running."""
        self.forget_counts()
        assert self.other
        now = Machine(self.folder, self.hass, self.recorder, self.file, self.journal)
        self.folder, self.hass, self.recorder, self.file, self.journal = self.other
        self.other = now

    def export_of_other(self) -> None:
        """Let the second machine export while this one does, from what it has."""
        if self.other is None:
            return
        run, fault = self.run, self.wire.fault
        self.change_machine()
        thread = Thread(target=self.attempt, args=(self.async_export_new,))
        thread.start()
        thread.join()
        self.change_machine()
        self.run = run
        self.wire.fault = fault

    @precondition(lambda self: not self.checkpoint.superseded)
    @rule()
    def claim(self) -> None:
        """Let another table of this machine begin a transaction: first it looks at the fence."""
        with suppress(ExportError):
            finish(self.the_journal().async_claim())

    @precondition(lambda self: self.checkpoint.superseded)
    @rule()
    def take_over(self) -> None:
        """Let this machine go on where another one has exported."""
        finish(self.the_journal().async_take_over())

    @rule(hours=st.sampled_from((0.1, 0.5, 2)))
    def wait(self, hours: float) -> None:
        """Let some time pass."""
        Home.now += timedelta(hours=hours)

    @rule(minutes=st.sampled_from((0, 20, 90)), lag=st.sampled_from((0, 120, 600)))
    def buffer(self, minutes: int, lag: int) -> None:
        """Let BigQuery list rows so long after their commit."""
        self.bigquery.buffer_seconds = minutes * 60
        self.bigquery.buffer_lag = lag

    @rule(may=st.booleans())
    def grant(self, *, may: bool) -> None:
        """Let the key run queries, or not."""
        self.bigquery.may_query = may

    @rule()
    def lose_fence(self) -> None:
        """Delete the fence."""
        self.wire.arrive()
        self.forget_counts()
        self.bigquery.fence = None
        self.fence_was_lost = True

    @rule(how=st.sampled_from((None, b"", b"{", b'{"version":2}', b'{"version":1}', b"[]")))
    def lose_checkpoint(self, how: bytes | None) -> None:
        """Lose the checkpoint, or damage it, while Home Assistant is not running."""
        self.forget_counts()
        if how is None:
            self.file.remove()
        else:
            self.file.path.write_bytes(how)
        self.restart()
        assert self.checkpoint == Checkpoint()

    @rule(delivery=st.sampled_from(tuple(DELIVERIES)))
    def choose(self, delivery: str) -> None:
        """Choose a delivery."""
        self.delivery = delivery

    # Exports

    @precondition(lambda self: self.has_something_to_do())
    @rule()
    def export(self) -> None:
        """Export without any fault, but for one that a fault before has left in BigQuery."""
        refuses = self.bigquery.spoils
        assert self.patiently(self.async_export) or refuses

    def patiently(self, export: Callable[[], Any]) -> bool:
        """Make an export until it ends well; return whether it does."""
        for _ in range(8):
            if self.attempt(export):
                return True
            if self.checkpoint.superseded:
                self.take_over()
            Home.now += timedelta(hours=1)
        return False

    @rule(names=NAMES, faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
    def export_with_faults(self, names: Sequence[str], faults: Sequence[Fault]) -> None:
        """Export new rows while one thing after another goes wrong."""
        self.record_rows(names)
        for fault in faults:
            self.attempt(self.async_export, fault)

    @rule(names=NAMES, faults=st.lists(st.sampled_from(AT_COMMITS), min_size=1, max_size=3))
    def export_with_faulty_commits(self, names: Sequence[str], faults: Sequence[Fault]) -> None:
        """Export new rows while things go wrong at commits, where it matters most."""
        self.record_rows(names)
        for fault in faults:
            self.attempt(self.async_export, fault)

    @rule(faults=st.lists(st.sampled_from(LATE), min_size=1, max_size=2))
    def export_with_late_commits(self, faults: Sequence[Fault]) -> None:
        """Export a new row by a request that is on its way for long."""
        self.record_rows(["lamp"])
        for fault in faults:
            self.attempt(self.async_export, fault)

    @rule(
        names=NAMES,
        delivery=st.sampled_from(tuple(DELIVERIES)),
        fault=st.sampled_from(DOUBTS),
        what=st.sampled_from(("all", "log", "rows")),
    )
    def export_what_is_forgotten(
        self, names: Sequence[str], delivery: str, fault: Fault, what: str
    ) -> None:
        """Export new rows, and let BigQuery forget what has become of them."""
        self.choose(delivery)
        self.attempt(self.async_export)
        self.record_rows(names)
        self.attempt(self.async_export, fault)
        if what == "all":
            self.wait_long()
        else:
            self.forget(log=what == "log")

    @rule(faults=st.lists(st.none() | st.sampled_from(FAULTS), min_size=1, max_size=3))
    def export_live(self, faults: Sequence[Fault | None]) -> None:
        """Follow the recorder while things go wrong, after an export."""
        self.attempt(self.async_export)
        for fault in faults:
            self.attempt(self.async_live, fault)

    @precondition(lambda self: self.file.saved)
    @rule(
        number=st.integers(1, 6),
        faults=st.lists(st.sampled_from(AT_COMMITS), max_size=2),
        live=st.booleans(),
    )
    def restore_what_was_live(self, number: int, faults: Sequence[Fault], *, live: bool) -> None:
        """Restore one of the latest checkpoints of a live run, and go on."""
        self.attempt(self.async_export)
        self.attempt(self.async_live)
        self.attempt(self.async_export)
        self.attempt(self.async_live)
        self.forget_counts()
        self.file.path.write_bytes(self.file.saved[-min(number, len(self.file.saved))])
        self.restart()
        self.record_rows(["lamp"])
        for fault in faults:
            self.attempt(self.async_live if live else self.async_export, fault)

    @precondition(lambda self: self.other)
    @rule(names=NAMES, faults=st.lists(st.sampled_from(OTHERS), min_size=1, max_size=2))
    def export_at_the_same_time(self, names: Sequence[str], faults: Sequence[Fault]) -> None:
        """Export new rows while the second machine exports, too."""
        self.record_rows(names)
        for fault in faults:
            self.attempt(self.async_export, fault)

    @precondition(lambda self: self.other is None)
    @rule(names=NAMES, fault=st.sampled_from(OTHERS))
    def copy_what_waits(self, names: Sequence[str], fault: Fault) -> None:
        """Copy the home while rows wait, which both machines export at the same time."""
        self.record_rows(names)
        self.copy_home()
        self.attempt(self.async_export, fault)

    @rule(number=st.integers(1, 8), names=NAMES)
    def export_with_ids_given_again(self, number: int, names: Sequence[str]) -> None:
        """Export rows, delete some of them, and have others with the same ids."""
        self.record_rows(["lamp"] * 7)
        self.attempt(self.async_export)
        self.delete_newest(number)
        self.record_rows(names)

    @rule(names=NAMES, fault=st.sampled_from(REFUSALS))
    def export_what_is_refused(self, names: Sequence[str], fault: Fault) -> None:
        """Export new rows while BigQuery refuses a commit."""
        self.record_rows(names)
        self.attempt(self.async_export, fault)

    @rule(number=st.integers(1, 12), fault=st.none() | st.sampled_from(FAULTS))
    def export_new_rows_alone(self, number: int, fault: Fault | None) -> None:
        """Export new rows while older ones wait, of which there may be many."""
        self.record_rows(["lamp", "fan"] * number)
        self.attempt(self.async_export_new, fault)

    @rule(number=st.integers(4, 12), faults=st.lists(st.sampled_from(AT_COMMITS), max_size=2))
    def begin_backfill(self, number: int, faults: Sequence[Fault]) -> None:
        """Begin a backfill while things go wrong at commits, and leave it at that."""
        self.record_rows(["lamp"] * number)
        for fault in faults:
            self.attempt(self.async_export, fault)
        self.attempt(self.async_export_new)

    @precondition(lambda self: self.rejected_rows.path.exists())
    @rule(fault=st.none() | st.sampled_from(FAULTS) | st.sampled_from(AT_COMMITS))
    def retry_rejected(self, fault: Fault | None) -> None:
        """Send the rejected rows again."""
        self.attempt(self.async_retry, fault)

    @rule(fault=st.none() | st.sampled_from(RETRY_FAULTS), still=st.booleans())
    def retry_what_was_rejected(self, fault: Fault | None, *, still: bool) -> None:
        """Let a row be rejected, and send it again, whether or not BigQuery takes it now."""
        self.record_rows([UNLOVED, "lamp"])
        self.change_mind(unwanted=True)
        self.attempt(self.async_export)
        self.change_mind(unwanted=still)
        self.attempt(self.async_retry, fault)

    @rule(names=NAMES, fault=st.none() | st.sampled_from(FAULTS) | st.sampled_from(AT_COMMITS))
    def force(self, names: Sequence[str], fault: Fault | None) -> None:
        """Export, and look for rows that BigQuery lacks: there are none but rejected ones."""
        self.record_rows(names)
        self.attempt(self.async_force, fault)

    def has_something_to_do(self) -> bool:
        """Return whether an export would do anything."""
        table_position = self.checkpoint.table_position(HISTORY.name)
        return (
            self.recorder.newest_id() != table_position.new.cursor
            or table_position.backfill is not None
            or self.checkpoint.intent is not None
        )

    def stop(self) -> None:
        """Tell a run to end soon."""
        if self.run:
            self.run.stop()

    def attempt(self, export: Callable[[], Any], fault: Fault | None = None) -> bool:
        """Make an export; return whether it ended well."""
        self.wire.set(fault)
        try:
            finish(export())
        except Crash:
            self.restart()
            outcome = "crashed"
        except ExportError as err:
            outcome = type(err).__name__
        else:
            outcome = "ended well"
        finally:
            self.wire.set(None)
            self.run = None
        if self.wire.struck:
            Home.faults[
                f"{self.wire.struck.step} {self.wire.struck.when} {self.wire.struck.kind}"
            ] += 1
        Home.exports[f"{export.__name__} {outcome}"] += 1
        return outcome == "ended well"

    async def async_export(self) -> None:
        """Make a run as the coordinator does."""
        session = self.new_session()
        encoder = RowEncoder(session.delivery.encoding(HISTORY), session.run_values)
        self.run = Run(session, [Source(HISTORY, self.recorder, encoder)])
        await self.run.async_run()
        assert self.checkpoint.intent is None
        assert self.checkpoint.table_position(HISTORY.name).backfill is None
        self.need(self.recorder.rows)

    async def async_export_new(self) -> None:
        """Make a run that leaves a backfill alone."""
        session = self.new_session()
        encoder = RowEncoder(session.delivery.encoding(HISTORY), session.run_values)
        self.run = Run(session, [Source(HISTORY, self.recorder, encoder)], backfill=False)
        await self.run.async_run()
        self.need(self.recorder.exported(self.checkpoint.table_position(HISTORY.name).exported))

    def need(self, rows: Iterable[Row]) -> None:
        """Expect rows in BigQuery, less those that were told as a gap and came back."""
        self.needed |= Counter(row.identity for row in rows if row.identity not in self.gaps)

    async def async_live(self) -> None:
        """Make a live run: what waits is appended, and then what is recorded meanwhile."""
        session = self.new_session(COMMITTED_STREAM)
        encoder = RowEncoder(session.delivery.encoding(HISTORY), session.run_values)

        async def open_sources() -> list[Source[Any]]:
            return [Source(HISTORY, self.recorder, encoder)]

        run = LiveRun(session, open_sources)
        await run.async_run()
        for names in ([], ["lamp", UNLOVED], ["meter", "meter", "fan", "meter"]):
            self.record_rows(names)
            await run.async_look()
        if not run.tables:
            return  # The history may be another one.
        exported = self.recorder.exported(self.checkpoint.table_position(HISTORY.name).exported)
        self.needed |= Counter(row.identity for row in exported)

    async def async_retry(self) -> None:
        """Send the rejected rows again as the coordinator does."""
        await Retry(self.new_session(), [HISTORY]).async_run()

    async def async_force(self) -> None:
        """Make a run, and then look for rows that BigQuery lacks, as the coordinator does."""
        await self.async_export()
        await self.async_resend()

    async def async_resend(self) -> None:
        """Look for rows that BigQuery lacks."""
        session = self.new_session()

        def open_source() -> Source[Any]:
            encoder = RowEncoder(session.delivery.encoding(HISTORY), session.run_values)
            return Source(HISTORY, self.recorder, encoder)

        resend = Resend(session, {HISTORY.name: (HISTORY, open_source)}, RowSelection())
        self.run = resend
        await resend.async_run()
        assert self.checkpoint.intent is None

    def new_session(self, delivery: str | None = None) -> Session:
        """Return what a job works with."""
        result, journal = Result(), self.the_journal()
        started = journal.checkpoint.after_latest(result.started)
        return Session(
            self.hass,
            journal=journal,
            delivery=journal.deliveries[delivery or self.delivery],
            existing_rows=SimulatedExistingRows(self.bigquery),
            log_header={
                "export_id": result.export_id,
                "source": "home",
                "trigger": delivery or "schedule",
            },
            run_values=run_values(source="home", export_id=result.export_id, started=started),
            batch_rows=3,
            result=result,
            transaction_rows=3 if delivery else None,
        )

    def the_journal(self) -> Journal:
        """Return the journal of the process, which begins with the first one."""
        if self.journal is None:
            self.journal = Journal(
                self.hass,
                file=self.file,
                fence=SimulatedFence(self.bigquery),
                tables=TABLES,
                deliveries={**self.deliveries, COMMITTED_STREAM: self.new_live_delivery()},
                rejected_rows=self.rejected_rows,
                set_aside_rows=RejectedRows(self.hass, "entry", SET_ASIDE),
            )
            self.journal.checkpoint = self.file.load()
        return self.journal

    def new_live_delivery(self) -> Delivery:
        """Return a delivery of a process that has opened no stream yet."""
        delivery = CommittedStreamDelivery(self.bigquery)  # type: ignore[arg-type]
        return BrittleStreamDelivery(delivery, self.wire)

    # What has to be true

    @property
    def rejected_rows(self) -> BrittleRejectedRows:
        """Return the file of rejected rows."""
        return BrittleRejectedRows(self.hass, self.wire)

    @property
    def rejected(self) -> Counter[Identity]:
        """Return what is in the files of rejected rows, by what rows are known by."""
        files = [self.rejected_rows]
        if self.other:
            files.append(BrittleRejectedRows(self.other.hass, self.wire))
        return Counter(identity_of(entry) for file in files for entry in file.read())

    @property
    def intents(self) -> list[Intent]:
        """Return what is in doubt: for the process, or for the next one."""
        found = (self.checkpoint.intent, self.file.load().intent)
        return [intent for intent in found if intent]

    @invariant()
    def counts_step(self) -> None:
        """Count the steps of all machines."""
        Home.steps += self.began
        self.began = True

    @invariant()
    def nothing_comes_twice(self) -> None:
        """BigQuery has no row more often than the recorder ever had it."""
        rows = {(row.uid, row.identity) for row in self.recorder.ever}
        ever = Counter(identity for _, identity in rows)
        assert self.bigquery.history <= ever, self.bigquery.history - ever

    @invariant()
    def log_is_true(self) -> None:
        """Each transaction has one row in the export log, which says how many rows it had."""
        in_doubt = self.excused | {intent.transaction for intent in self.intents}
        log = self.bigquery.tables[EXPORT_LOG.name]
        logged = Counter(
            row.get("row_count", 0) for row in log if row.get("trigger") != COMMITTED_STREAM
        )
        appended, committed = self.bigquery.by_kind()
        live = sum(row["row_count"] for row in log if row.get("trigger") == COMMITTED_STREAM)
        assert live <= sum(appended.values())
        streams = self.checkpoint.streams.values()
        if self.uncounted is not None and not in_doubt and not self.fence_was_lost:
            waiting = [stream.unlogged.log_values for stream in streams if stream.unlogged]
            assert live + sum(values["row_count"] for values in waiting) == sum(appended.values())
        assert logged <= Counter(committed.values())
        sure = Counter(rows for name, rows in committed.items() if name not in in_doubt)
        # Without the fence, rows that were committed before it was lost may lack theirs.
        assert sure <= logged or self.fence_was_lost

    @invariant()
    def checkpoint_is_true(self) -> None:
        """No more is claimed than there is, and no less unless something was lost."""
        checkpoint = self.file.load()
        rows = sum(position.rows for position in checkpoint.positions.values())
        in_doubt = self.excused | {intent.transaction for intent in self.intents}
        committed = self.bigquery.committed
        if self.uncounted is not None:
            assert not checkpoint.unknown_before
            most = sum(committed.values()) - self.uncounted
            assert rows <= most
            assert rows >= most - sum(committed.get(name, 0) for name in in_doubt)
        self.cursors_are_true(checkpoint.table_position(HISTORY.name))

    def cursors_are_true(self, table_position: TablePosition) -> None:
        """All rows up to the cursors were dealt with, if they belong to this database."""
        last = table_position.new.anchors[-1:]
        if not last or last[0] not in {row.anchor for row in self.recorder.rows}:
            return
        exported = self.recorder.exported(table_position.exported)
        owed = Counter(row.identity for row in exported if row.identity not in self.gaps)
        assert owed <= self.bigquery.history + self.rejected

    @override
    def teardown(self) -> None:
        """Let everything be well again, and look whether all is there."""
        try:
            self.end()
        finally:
            shutil.rmtree(self.folder)
            if self.other:
                shutil.rmtree(self.other.folder)

    def end(self) -> None:
        """Let each machine have its turn, and then one of them the last word."""
        if self.other:
            self.end_of_machine()
            self.change_machine()
        self.end_of_machine()

    def end_of_machine(self) -> None:
        """Export twice, let late commits arrive, and send the rejected rows again."""
        self.restart()
        self.bigquery.spoils = False
        self.export()
        self.export()
        finish(self.the_journal().async_log_appends(self.the_journal().deliveries[self.delivery]))
        self.nothing_comes_twice()
        self.log_is_true()
        self.checkpoint_is_true()
        there = self.recorder.identities
        needed = self.needed | Counter({row: there[row] for row in there if row not in self.gaps})
        assert needed <= self.bigquery.history + self.rejected
        self.wire.arrive()
        self.nothing_comes_twice()
        self.bigquery.unwanted = set()
        assert self.patiently(self.async_retry)
        self.nothing_comes_twice()
        self.log_is_true()
        self.checkpoint_is_true()
        assert {identity_of(entry)[0] for entry in self.rejected_rows.read()} <= {BROKEN}
        left = needed - self.rejected
        assert left <= self.bigquery.history, left - self.bigquery.history


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have everything in memory, in small pieces, at a time of our own."""
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 4)
    monkeypatch.setattr(resume, "MAX_ROWS", 6)
    monkeypatch.setattr(table_export, "IN_DOUBT_ROWS", 4)
    monkeypatch.setattr(resend_module, "IN_DOUBT_ROWS", 4)
    monkeypatch.setattr(batch_reader, "PIECE_ROWS", 2)
    monkeypatch.setattr(partition_cache, "MAX_ROWS", 6)
    monkeypatch.setattr(pace, "_PAUSE", 0)
    monkeypatch.setattr(pace, "_SHORTEST", 0)
    monkeypatch.setattr(pace, "_LONGEST", 0)
    monkeypatch.setattr(positions, "MAX_ANCHORS", 4)
    monkeypatch.setattr(storage_write, "WriteStreams", Streams)
    monkeypatch.setattr(committed_stream, "WriteStreams", Streams)
    monkeypatch.setattr(load_job, "LoadJobs", Jobs)
    monkeypatch.setattr(dt_util, "utcnow", lambda: Home.now)
    monkeypatch.setattr(other_database, "RECORDER_TABLES", {HISTORY.name: None})
    monkeypatch.setattr(
        other_database, "current_run", lambda hass, known: hass.recorder.current_run(known)
    )
    for module in (checkpoint_module, ownership):
        monkeypatch.setattr(module, "time", lambda: Home.now.timestamp())
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_anything_in_any_order() -> None:
    """Whatever happens, each row is there once in the end."""
    began = monotonic()
    Home.steps = 0
    run_state_machine_as_test(
        Home,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{Home.steps} steps in {monotonic() - began:.0f} seconds: {Home.exports}, {Home.faults}")
    assert Home.steps >= 2_000


@pytest.fixture
def home() -> Iterator[Home]:
    """Return a home for a single history."""
    home = Home()
    yield home
    shutil.rmtree(home.folder)


def test_a_backup_of_a_live_run_and_errors(home: Home) -> None:
    """An open stream is not forgotten before it is known that what waits is in doubt."""
    home.choose("storage_write")
    home.record_rows(["lamp"] * 3)
    for export in (home.async_export, home.async_live, home.async_export):
        assert home.attempt(export)
    backup = home.file.saved[-1]
    assert home.attempt(home.async_live)
    home.forget_counts()
    home.file.path.write_bytes(backup)
    home.restart()
    home.record_rows(["lamp"])
    assert not home.attempt(home.async_export, Fault("save", 1, When.AFTER, Kind.ERROR))
    assert not home.attempt(home.async_export, Fault("fence", 2, When.BEFORE, Kind.ERROR))
    home.export()
    home.nothing_comes_twice()


def test_live(home: Home) -> None:
    """Rows that are recorded while a run is live are there, and in the log after an export."""
    home.choose("storage_write")
    home.record_rows(["lamp"] * 3)
    assert home.attempt(home.async_export)
    assert home.attempt(home.async_live)
    assert home.bigquery.history == home.recorder.identities
    appended, _ = home.bigquery.by_kind()
    assert sum(appended.values()) == 6
    home.export()
    home.log_is_true()
    home.checkpoint_is_true()


def test_set_aside_in_a_backfill(home: Home) -> None:
    """A database that is set aside while its history is exported may come back later."""
    home.choose("storage_write")
    home.record_rows(["lamp"] * 9)
    assert home.attempt(home.async_export_new)
    assert home.checkpoint.table_position(HISTORY.name).backfill
    database = home.recorder.database
    home.recorder.database = Database()
    assert home.attempt(home.async_export)
    home.recorder.database = database
    home.export()
    assert home.bigquery.history == home.recorder.identities


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_what_waits_on_both_machines(home: Home, delivery: str) -> None:
    """Rows that a copy of the home has exported meanwhile are not sent by this one, too."""
    home.choose(delivery)
    home.record_rows(["lamp"])
    home.export()
    home.record_rows(["lamp"] * 2)
    home.copy_home()
    home.export_of_other()
    assert home.bigquery.history == home.recorder.identities
    assert not home.attempt(home.async_export)
    assert home.checkpoint.superseded
    assert home.bigquery.history == home.recorder.identities
    home.export()
    assert home.bigquery.history == home.recorder.identities
    assert home.other
    shutil.rmtree(home.other.folder)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_late_commit_of_another_process(home: Home, delivery: str) -> None:
    """What a process has begun that was held up is settled before its rows are looked for."""
    home.choose(delivery)
    home.record_rows(["lamp"] * 3)
    home.attempt(home.async_export, Fault("request", 1, When.LATE, Kind.CRASH))
    home.lose_checkpoint(None)
    home.export()
    home.wire.arrive()
    assert home.bigquery.history == home.recorder.identities


@pytest.mark.parametrize("fails", [False, True])
def test_newer_database_put_back(home: Home, *, fails: bool) -> None:
    """An older backup that was in use for a while changes nothing when the newer one is back."""
    home.record_rows(["lamp"] * 4)
    home.export()
    backup = home.recorder.database
    home.record_rows(["lamp"] * 2)
    home.export()
    newer = home.recorder.database
    home.recorder.database = backup
    home.attempt(home.async_export, Fault("read", 1, When.BEFORE, Kind.ERROR) if fails else None)
    home.recorder.database = newer
    home.export()
    home.nothing_comes_twice()


@pytest.mark.parametrize("left", [0, 4, 5, 6])
@pytest.mark.parametrize("new", [0, 1])
@pytest.mark.parametrize("fails", [False, True])
def test_newer_database_put_back_behind_an_older_checkpoint(
    home: Home, left: int, new: int, *, fails: bool
) -> None:
    """What others have sent is looked for also in a database that comes back later.

    Their rows are not known when a checkpoint from a backup takes over, nor is the database that
    the recorder has then one that tells how many there are.
    """
    home.record_rows(["lamp"] * 4)
    home.export()
    checkpoint = home.file.path.read_bytes()
    home.record_rows(["lamp"] * 12)
    home.export()
    newer = home.recorder.database

    home.forget_counts()
    home.file.path.write_bytes(checkpoint)
    home.recorder.database = Database(newer.rows[:left], newer.runs)
    home.restart()
    home.record_rows(["meter"] * new)
    home.claim()
    if fails:
        home.attempt(home.async_export, Fault("read", 1, When.BEFORE, Kind.ERROR))
    else:
        assert home.patiently(home.async_export)
    home.nothing_comes_twice()
    home.recorder.database = newer
    home.restart()
    home.export()
    home.nothing_comes_twice()
    assert home.recorder.identities <= home.bigquery.history


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_fence_lost_between_two_machines(home: Home, delivery: str) -> None:
    """Where the fence is gone before a commit, its rows may be those that others have sent."""
    home.choose(delivery)
    home.record_rows(["lamp"] * 7)
    home.attempt(home.async_export, Fault("request", 1, When.BEFORE, Kind.REFUSE))
    home.record_rows(["lamp"])
    home.copy_home()
    # The process of the second machine knows the fence, and its backfill waits.
    home.export_of_other()
    home.export()
    home.lose_fence()
    home.change_machine()
    home.export()
    assert home.bigquery.history == home.recorder.identities
    assert home.other
    shutil.rmtree(home.other.folder)


@pytest.mark.parametrize("call", range(1, 5))
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("step", ["fence", "request", "save"])
def test_crash_while_rows_are_rejected(home: Home, step: str, delivery: str, call: int) -> None:
    """A process that dies while rows are left out and sent again is not taken for another."""
    home.choose(delivery)
    home.record_rows(["lamp"])
    home.export()
    home.change_mind(unwanted=True)
    for when in (When.BEFORE, When.AFTER):
        home.record_rows([UNLOVED, "lamp", "fan"])
        home.attempt(home.async_export, Fault(step, call, when, Kind.CRASH))
        home.export()
        home.checkpoint_is_true()
        assert home.recorder.identities == home.bigquery.history + home.rejected


@pytest.mark.xfail(strict=True, reason="rows that differ in their ids alone are two rows")
def test_rejected_row_with_another_id(home: Home) -> None:
    """A row that was rejected under two ids, as its database was moved, is sent once."""
    home.record_rows(["lamp", UNLOVED])
    home.change_mind(unwanted=True)
    home.export()
    home.renumber(1, 10)
    home.export()
    home.change_mind(unwanted=False)
    home.attempt(home.async_retry)
    home.nothing_comes_twice()


def test_rejected_row_with_a_twin(home: Home) -> None:
    """A row that was rejected is sent again, although one that is known by the same is there."""
    home.record_rows([UNLOVED])
    home.change_mind(unwanted=True)
    home.export()
    home.change_mind(unwanted=False)
    home.recorder.insert(UNLOVED, home.recorder.rows[0].time)
    home.export()
    home.attempt(home.async_retry)
    assert home.recorder.identities <= home.bigquery.history + home.rejected


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_deleted_rows_come_back(home: Home, delivery: str) -> None:
    """Rows that a user deletes in BigQuery are sent again, once each, whatever goes wrong."""
    home.choose(delivery)
    home.record_rows(["lamp", "meter", "lamp", "fan", BROKEN] * 2)
    home.record_rows(["lamp", "meter"] * 3, new_day=True)
    home.recorder.insert("meter", home.recorder.rows[-1].time)
    home.export()
    rows = list(home.bigquery.tables[HISTORY.name])
    struck = 0
    for number, fault in enumerate([None, *AT_COMMITS[::2], *LATE]):
        # The oldest are always among them, and now and then all of a day.
        kept = [row for index, row in enumerate(rows) if index > 2 and (index + number) % 3]
        home.bigquery.tables[HISTORY.name] = kept
        # What was sent lately is not missed.
        Home.now += timedelta(hours=3)
        if not home.attempt(home.async_force, fault):
            struck += 1
            Home.now += timedelta(hours=3)
            home.attempt(home.async_force)
        home.wire.arrive()
        identities = Counter(
            {key: n for key, n in home.recorder.identities.items() if key[0] != BROKEN}
        )
        assert home.bigquery.history == identities, fault
        rows = list(home.bigquery.tables[HISTORY.name])
    assert struck > 25


def test_deleted_rows_come_back_during_a_backfill(home: Home) -> None:
    """What the backfill has not come to is left to it; what is newer is sent again."""
    home.choose("storage_write")
    home.record_rows(["lamp"] * 3)
    home.export()
    home.record_rows(["fan"] * 12)
    assert home.attempt(home.async_export_new)
    home.record_rows(["meter"] * 2)
    assert home.attempt(home.async_export_new)
    assert home.checkpoint.table_position(HISTORY.name).backfill is not None
    exported = home.bigquery.history
    assert Counter(name for name, _ in exported) == {"lamp": 3, "meter": 2}
    home.bigquery.tables[HISTORY.name].clear()
    Home.now += timedelta(hours=3)
    assert home.attempt(home.async_resend)
    assert home.bigquery.history == exported
    home.export()
    assert home.bigquery.history == home.recorder.identities
