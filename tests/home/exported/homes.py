"""The homes that an earlier version has exported: put where Home Assistant finds them."""

from enum import StrEnum
from pathlib import Path
import tarfile

HERE = Path(__file__).parent
DATABASE = "home-assistant_v2.db"
DAYS = {"start_date": "2026-11-26", "end_date": "2026-11-28"}
"""The days of which there are rows."""
USER = "0123456789abcdef0123456789abcdef"
"""The user who switches the fan of the private home."""


class Exported(StrEnum):
    """The homes by their projects; README.md says in which state each was left."""

    ENDED = "home-ended"
    BACKFILL = "home-backfill"
    IN_DOUBT = "home-in-doubt"
    STREAM_NOT_COMMITTED = "home-storage-write-before"
    STREAM_COMMITTED = "home-storage-write-after"
    LOAD_NOT_COMMITTED = "home-load-job-before"
    LOAD_COMMITTED = "home-load-job-after"
    CRASHED_TWICE = "home-crashed-twice"
    PRIVATE = "home-private"

    def restore(self, folder: Path) -> None:
        """Put the database and `.storage` of the home into a configuration folder."""
        with tarfile.open(HERE / "homes.tar.xz") as archive:
            for member in archive:
                home, _, path = member.name.partition("/")
                if home == self and path:
                    archive.extract(member.replace(name=path, deep=False), folder, filter="data")


def restore_bigquery(folder: Path) -> None:
    """Put the data of the local BigQuery with all homes into a folder."""
    with tarfile.open(HERE / "bigquery.tar.xz") as archive:
        archive.extractall(folder, filter="data")
