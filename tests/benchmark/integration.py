"""The integration as a competitor: its own source, encoder and deliveries, with no network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import HomeAssistant

from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.row_file import RowFile
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.export.delivery import Delivery
from custom_components.bigquery_export.export.ports import Source
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.own_columns import with_own_columns
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Table
from custom_components.bigquery_export.settings.options import DEFAULTS
from custom_components.bigquery_export.source.plan import PIECE_ROWS

from .no_network import NoNetwork
from .stopwatch import Stopwatch

READ = "read"
ENCODE = "encode"
REQUESTS = "requests"
GZIP = "gzip"
TRANSACTION_ROWS = 50_000

type Deliver = Callable[[list[bytes]], None]


@dataclass(slots=True)
class Integration:
    """Reads and encodes as an export does, and prepares the rows for a delivery.

    It uses the recorder's database, and belongs on the recorder's executor.
    """

    hass: HomeAssistant
    row_context: RowContext
    delivery: str = StorageWriteDelivery.name
    piece_rows: int = PIECE_ROWS
    label: str = ""
    """How results call it, unless by its delivery."""
    rows: int = 0
    sent: int = 0
    sets_read: int = 0
    """How many sets of attributes it has read, each as often as it was read."""
    sets: set[int] = field(default_factory=set)
    """Their ids."""
    _cursor: int = 0
    _source: Source[Any] = field(init=False)
    _last_stage: str = field(init=False)
    _deliver: Deliver = field(init=False)

    @property
    def name(self) -> str:
        """Return how results call it."""
        return self.label or self.delivery

    def begin(self) -> None:
        """Open the source as for a new run."""
        self.rows = self.sent = self.sets_read = self._cursor = 0
        self.sets.clear()
        delivery: Delivery
        no_network = NoNetwork()
        table = with_own_columns(SENSOR_DATA, self.row_context.choice.own_columns)
        if self.delivery == StorageWriteDelivery.name:
            delivery = StorageWriteDelivery(no_network.connection)
            self._last_stage = REQUESTS
            self._deliver = self._requests(delivery, table, no_network)
        else:
            delivery = LoadJobDelivery(no_network.connection)
            self._last_stage, self._deliver = GZIP, self._file()
        encoding = delivery.encoding(table)
        type_ = RECORDER_TABLES[SENSOR_DATA.name]
        self._source = type_.open(self.hass, encoding, self.row_context)

    def work(self, until: int, observer: Stopwatch) -> None:
        """Take the rows up to an id."""
        batch: list[bytes] = []
        while piece := self._source.reader.read(self._cursor, until, self.piece_rows):
            self._cursor = piece.last.id
            observer.lap(READ)
            self.sets_read += len(piece.attributes)
            self.sets.update(piece.attributes)
            observer.start()
            encoded = self._source.encoder.encode(piece)
            observer.lap(ENCODE)
            batch.extend(encoded.data)
            self.rows += len(encoded.data)
            if len(batch) >= DEFAULTS.batch_rows:
                self._deliver(batch)
                observer.lap(self._last_stage)
                batch = []
        observer.lap(READ)
        if batch:
            self._deliver(batch)
            observer.lap(self._last_stage)

    def end(self) -> None:
        """Let go of what the run remembers."""
        self._deliver([])
        del self._source, self._deliver

    def _requests(self, delivery: Delivery, table: Table, no_network: NoNetwork) -> Deliver:
        """Return what makes requests of rows, as they go over the wire."""
        transaction = delivery.begin(table, "benchmark")

        def deliver(rows: list[bytes]) -> None:
            if rows:
                transaction.append(rows)
                self.sent = no_network.sent
            else:
                transaction.close()

        return deliver

    def _file(self) -> Deliver:
        """Return what writes rows into compressed files, a new one for each transaction."""
        file = RowFile()

        def deliver(rows: list[bytes]) -> None:
            nonlocal file
            file.append(sorted(rows))  # as a transaction does
            if file.rows >= TRANSACTION_ROWS or not rows:
                self.sent += file.open()[1] if file.rows else 0
                file.close()
                file = RowFile()

        return deliver
