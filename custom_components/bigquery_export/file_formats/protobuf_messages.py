"""Messages of protocol buffers, each behind its length, compressed by gzip.

The length is a varint, as `parseDelimitedFrom` of Google's libraries for Java and C++ reads it.
The files need the descriptor set beside them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from gzip import GzipFile
from pathlib import Path
from typing import Any

from ..bigquery.columnar_protobuf import varint
from ..bigquery.protobuf import ProtobufEncoding
from ..bigquery.row_messages import MessageReader, descriptor_set
from ..rows.table import Table
from .file_errors import value_errors
from .file_format import FormatName, Row, wanted_names
from .gzip_file import GzipWriter, read_gzip

DESCRIPTOR_SUFFIX = ".desc"


class ProtobufMessages:
    """Rows as messages."""

    name = FormatName.PROTOBUF
    suffix = ".pb.gz"
    requirements = ()

    def load(self) -> None:
        """Do nothing: Google's clients have brought the library."""

    def companions(self, table: Table) -> Mapping[str, bytes]:
        """Return the descriptor set: without it, nothing tells what a field is."""
        return {DESCRIPTOR_SUFFIX: descriptor_set(table)}

    def open_writer(self, path: Path, table: Table) -> ProtobufWriter:
        """Begin a file."""
        return ProtobufWriter(path, table)

    def read(
        self, path: Path, table: Table, columns: Collection[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a file, by the descriptor set beside it, else by that of the table."""
        with read_gzip(path) as file:
            descriptors = _beside(path, table) or descriptor_set(table)
            reader = MessageReader(table, descriptors, wanted_names(table, columns))
            while (length := _read_varint(file)) is not None:
                row = file.read(length)
                if len(row) < length:
                    raise EOFError("a row is cut off")
                yield reader.decode(row)


class ProtobufWriter:
    """A file that is being written."""

    def __init__(self, path: Path, table: Table) -> None:
        """Begin the file."""
        self._encoding = ProtobufEncoding(table)
        self._file = GzipWriter(path)

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows, a message each."""
        with value_errors():
            messages = [self._encoding.fragment(row) for row in rows]
        self._file.write(b"".join([varint(len(one)) + one for one in messages]))

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _beside(path: Path, table: Table) -> bytes | None:
    """Return the descriptor set of a file, or else that of all files of its table in the folder."""
    for stem in (path.name.removesuffix(ProtobufMessages.suffix), table.name):
        try:
            return path.with_name(stem + DESCRIPTOR_SUFFIX).read_bytes()
        except FileNotFoundError:
            continue
    return None


def _read_varint(file: GzipFile) -> int | None:
    """Return the next length; None at the end of the file."""
    result = shift = 0
    while byte := file.read(1):
        result |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return result
        if (shift := shift + 7) > 28:
            raise ValueError("a length is too large")
    if shift:
        raise EOFError("a length is cut off")
    return None
