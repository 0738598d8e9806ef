"""Encoding the recorder's runs as rows of `recorder_runs`."""

from ..source.recorder_runs import RecorderRunRow, RecorderRunsPiece
from .context import RowContext
from .encoded_rows import EncodedRows, RowKey
from .encoding import Encoding
from .fragments import encode_each
from .local_time import DAY
from .recorder_runs import recorder_run_values


class RecorderRunsEncoder:
    """Encodes the recorder's runs for one run of the export."""

    def __init__(self, encoding: Encoding, run: RowContext) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._run = encoding.fragment(run.run_values)
        self._source = str(run.run_values["source"])

    def encode(self, piece: RecorderRunsPiece) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is refused and stops no other."""
        return encode_each(piece.rows, self._row, recorder_run_values)

    def _row(self, row: RecorderRunRow) -> tuple[RowKey, bytes]:
        values = recorder_run_values(row)
        if (start := values["start"]) is None:
            raise ValueError("the recorder has no time for it")
        data = self._encoding.row(self._run, self._encoding.fragment(values))
        return RowKey(self._source, start, start // DAY), data
