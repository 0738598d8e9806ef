"""The formats of files, by name."""

from collections.abc import Mapping

from .avro import Avro
from .csv_lines import CsvLines
from .file_format import FileFormat, FormatName
from .json_lines import JsonLines
from .parquet import Parquet
from .protobuf_messages import ProtobufMessages

_ALL: tuple[FileFormat, ...] = (Avro(), CsvLines(), JsonLines(), Parquet(), ProtobufMessages())
FORMATS: Mapping[FormatName, FileFormat] = {one.name: one for one in _ALL}
