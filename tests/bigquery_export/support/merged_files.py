"""Merging the files of a copy as if it were another time."""

from datetime import UTC, datetime, timedelta

from custom_components.bigquery_export.copies.files.files_folder import FilesFolder

from .copied_states import MOMENT

DAY = 86_400_000_000
NOON = datetime.fromtimestamp(MOMENT // DAY * DAY / 1e6, UTC) + timedelta(hours=12)
"""Of the day of `MOMENT`, which is in September 2026."""
LATER = NOON + timedelta(days=60)


def merge(place: FilesFolder, now: datetime = LATER) -> None:
    """Merge as if it were another time."""
    place._merging.merge(now)
