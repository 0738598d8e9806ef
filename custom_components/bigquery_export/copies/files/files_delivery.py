"""The delivery into files: a transaction is one change of a folder."""

from ...bigquery.ndjson import NdjsonEncoding
from ...export.delivery import Outcome
from ...file_formats.file_format import FileFormat
from ...rows.encoding import Encoding
from ...rows.table import Table
from ..log_with_rows import LogTransaction, TransactionsWithLog
from . import disk
from .file_transaction import FileTransaction
from .folder import Folder


class FilesDelivery:
    """A transaction has all rows of a chunk, and its row of the export log.

    Its name is in the journal of the folder, so what has become of one in doubt is looked up.
    """

    name = "files"
    sending_is_billed = False
    is_listed_at_once = True
    load_jobs_used = 0

    def __init__(self, folder: Folder, format_: FileFormat) -> None:
        """Look at nothing yet."""
        self._folder = folder
        self._format = format_
        self._transactions = TransactionsWithLog(self._begin)
        self._clean = False
        """Whether nothing is aside that a process has left that died, or that was settled."""

    def encoding(self, table: Table) -> Encoding:
        """Return how the rows of a table have to be encoded: as for load jobs."""
        return NdjsonEncoding(table)

    def check_access(self, table: Table) -> None:
        """Make sure that the folder is there, and takes changes; nothing is written."""
        with self._folder.locked():
            pass

    def begin(self, table: Table, label: str) -> FileTransaction | LogTransaction:
        """Open a transaction; one of the export log joins that whose rows were sent last."""
        return self._transactions.begin(table, label)

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Look up a transaction in doubt.

        A process that is held up cannot commit it afterwards: its files are gone. Their folder
        stays until the next transaction begins, so that a second answer is the same.
        """
        journal = self._folder.journal
        place = journal.place_of(transaction)
        with self._folder.locked():
            if transaction in journal.transactions():
                return Outcome.COMMITTED
            if place not in journal.aside.iterdir():  # It raises where all is gone.
                return Outcome.FORGOTTEN
            disk.empty_folder(place)
            self._clean = False
            return Outcome.NOT_COMMITTED

    def _begin(self, table: Table, label: str) -> FileTransaction:
        if not self._clean:
            self._clean_up()
        return FileTransaction(self._folder, self._format, table, label)

    def _clean_up(self) -> None:
        """Delete what is aside: of what is committed, nothing is."""
        with self._folder.locked():
            for place in list(self._folder.journal.aside.iterdir()):
                disk.remove_folder(place)
        self._clean = True
