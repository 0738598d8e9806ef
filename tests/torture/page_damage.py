"""A page of the recorder's database that a failing disk, or a power cut, has overwritten.

Source: "Database File Format" of SQLite, sections 1.3 and 1.6: the header of the file, and pages
of b-trees.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
import sqlite3
import struct

INTERIOR_PAGE = 5
LEAF_PAGE = 13
SPARED = 30
"""Pages at the end of a table that stay: what the recorder writes next belongs there, and it would
put another database in the place of this one."""
FEWEST_BYTES = 100


def overwrite_page(database: Path, table: str, random: Random) -> str | None:
    """Overwrite the beginning of some page with rows of a table; say what was done, if anything."""
    with closing(sqlite3.connect(database)) as recorder:
        recorder.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sql = "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = ?"
        root: int = recorder.execute(sql, (table,)).fetchone()[0]
    content = database.read_bytes()
    size = struct.unpack_from(">H", content, 16)[0]
    pages = list(_leaves(content, size, root))[1:-SPARED]
    if not pages:
        return None
    page = random.choice(pages)
    number = random.choice((FEWEST_BYTES, 512, size))
    noise = random.choice((bytes(number), b"\xff" + random.randbytes(number - 1)))
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(noise)
    return f"overwrote {number} bytes of page {page} of {table}"


def _leaves(content: bytes, size: int, page: int) -> Iterator[int]:
    """Yield the numbers of those pages of a table that hold its rows, in the order of their ids."""
    start = (page - 1) * size
    header = start + 100 if page == 1 else start
    kind, cells = content[header], struct.unpack_from(">H", content, header + 3)[0]
    if kind == LEAF_PAGE:
        yield page
    elif kind == INTERIOR_PAGE:
        for cell in struct.unpack_from(f">{cells}H", content, header + 12):
            yield from _leaves(content, size, struct.unpack_from(">I", content, start + cell)[0])
        yield from _leaves(content, size, struct.unpack_from(">I", content, header + 8)[0])
