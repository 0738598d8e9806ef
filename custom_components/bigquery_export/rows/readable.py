"""Rows of the recorder as a person reads them: in the file of rejected rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..source.source_table import SourceTable


def readable(
    table: SourceTable, row: Sequence[Any], replaced: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return a row under the recorder's own names, with bytes as hexadecimal text.

    `replaced` has what is shown instead of some columns, such as an `entity_id` instead of a
    `metadata_id`, by the name of the column; an empty mapping leaves it out.
    """
    shown: dict[str, Any] = {}
    for name, value in table.named(row).items():
        if replaced and name in replaced:
            shown |= replaced[name]
        elif isinstance(value, bytes):
            shown[name.removesuffix("_bin")] = value.hex()
        else:
            shown[name.removesuffix("_bin")] = value
    return shown
