"""What of BigQuery's time and quotas a test may change while the server runs."""

from dataclasses import dataclass, fields

from .errors import invalid
from .schema import Json


@dataclass(slots=True)
class Settings:
    """Every value starts as BigQuery has it, except that nothing is made to wait for minutes."""

    token_seconds: float = 3600
    """How long a new access token lasts."""

    job_seconds: float = 0.05
    """How long a load job is not DONE, at the least; a change is also for jobs that have begun."""

    load_jobs_per_day: int = 1500
    """Load jobs for one table in 24 hours; source: quotas, "Load jobs"."""

    upload_bytes: int = 2**62
    """Bytes that an upload keeps of a chunk at the most; source: "Upload data with the API",
    "Resumable upload": how much was kept is in the answer's Range."""

    schema_lag_seconds: float = 0
    """How long write streams do not know a new column; see `schema_lag`."""

    buffer_seconds: float = 90 * 60
    """How long rows of write streams are in no partition; see `streaming_buffer`. A change is also
    for rows that were committed before, but for those that were found in their partition."""

    buffer_lag_seconds: float = 120
    """How long the streamingBuffer of tables.get does not show rows that were committed."""

    lists_buffer: bool = False
    """Whether tabledata.list of a whole table has the rows in the buffer; no page promises it."""

    lists_unpartitioned: bool = False
    """Whether tabledata.list takes TABLE$__UNPARTITIONED__, which is documented for extract
    jobs only."""

    metadata_changes_per_10_seconds: int = 5
    """Calls that make or change one table; see `metadata_quota`."""

    def change(self, values: Json) -> None:
        """Take over some values; raises ApiError for names and values that make no sense."""
        names = {field.name for field in fields(self)}
        for name, value in values.items():
            if name not in names or not _is_like(getattr(self, name), value):
                raise invalid(f"There is no setting {name} with the value {value!r}.")
        for name, value in values.items():
            setattr(self, name, value)


def _is_like(old: object, new: object) -> bool:
    """Say whether both are truth values, or both are numbers."""
    return isinstance(new, int | float) and isinstance(old, bool) == isinstance(new, bool)
