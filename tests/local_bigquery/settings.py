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

    def change(self, values: Json) -> None:
        """Take over some values; raises ApiError for names and values that make no sense."""
        names = {field.name for field in fields(self)}
        for name, value in values.items():
            if name not in names or isinstance(value, bool) or not isinstance(value, int | float):
                raise invalid(f"There is no setting {name} with the value {value!r}.")
        for name, value in values.items():
            setattr(self, name, value)
