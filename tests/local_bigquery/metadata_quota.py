"""How often a table's metadata may be changed.

Source: quotas, "Maximum rate of table metadata update operations per table"; troubleshoot-quotas
has the message.
"""

from collections import defaultdict, deque
import time

from .errors import ApiError
from .names import TableName
from .settings import Settings

_SECONDS = 10


class MetadataQuota:
    """Counts the calls that change each table."""

    def __init__(self, settings: Settings) -> None:
        """Allow as many as the settings say when a call comes."""
        self._settings = settings
        self._calls: defaultdict[TableName, deque[float]] = defaultdict(deque)

    def spend(self, table: TableName) -> None:
        """Count a call, or refuse it; raises ApiError."""
        now = time.monotonic()
        calls = self._calls[table]
        while calls and calls[0] <= now - _SECONDS:
            calls.popleft()
        if len(calls) >= self._settings.metadata_changes_per_10_seconds:
            raise ApiError(
                403,
                "rateLimitExceeded",
                "Exceeded rate limits: too many table update operations for this table. For more"
                " information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas",
            )
        calls.append(now)
