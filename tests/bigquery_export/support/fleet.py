"""How many homes one project carries: what BigQuery allows, and what one home calls.

`tests/bigquery_export/scenarios/test_fleet.py` counts the calls of a home and compares them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import floor

from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.export.live_run import LIVE_TABLES

HOUR = 60 * 60
DAY = 24 * HOUR
MONTH = 30 * DAY
STATES_A_DAY = 50_000
ROW_BYTES = 516
"""Of a state with all columns, by the Storage Write API (docs/performance.md)."""
FREE_BYTES = 2 * 1024**4
"""That may be sent in a month for nothing (docs/cost.md)."""

ALWAYS = LIVE_TABLES
"""Default tables that have new rows whenever an export begins."""
HOURLY = ("statistics",)
"""Those that have new rows once an hour."""
DAILY = ("entities", "relationships", "recorder_runs")
"""Those that have new rows once a day, in its first export, or less often."""
CONNECTION_SECONDS = 5 * 60
"""For which a connection may count, also if it was short: several minutes ("Quotas and limits",
"Concurrent write connections")."""
STREAM_HOURS = 12
"""After which a live home opens other streams."""
COMMITS_A_MINUTE = 12
"""Of the recorder, by default."""
JOB_SECONDS = 20
"""After which a load job is done; until then it is looked at ten times."""

CREATE = "CreateWriteStream"
CONNECT = "AppendRows connections"
SEND = "AppendRows requests"
JOB = "jobs.insert"


class Scope(StrEnum):
    """What has a quota of its own."""

    REGION = "project and region"
    PROJECT = "project"
    TABLE = "table"
    KEY = "service account and method"


@dataclass(frozen=True, slots=True)
class Quota:
    """What BigQuery allows, as its page "Quotas and limits" has it."""

    name: str
    allowed: int
    seconds: int
    """In which so many are allowed; 0 stands for at once."""
    scope: Scope
    anchor: str
    """Where on the page it is."""
    remark: str = ""


STREAMS = Quota(
    "new write streams", 10_000, HOUR, Scope.REGION, "write-api-limits", "can be raised"
)
CONNECTIONS = Quota(
    "connections for rows",
    5_000,
    0,
    Scope.REGION,
    "write-api-limits",
    "20,000 in `US` and `EU`; can be raised",
)
BYTES = Quota(
    "bytes of rows",
    300_000_000,
    1,
    Scope.REGION,
    "write-api-limits",
    "3 GB in `US` and `EU`; can be raised",
)
JOBS = Quota("load jobs", 100_000, DAY, Scope.PROJECT, "load_jobs")
TABLE_JOBS = Quota("load jobs of a table", 1_500, DAY, Scope.TABLE, "load_jobs", "stays so")
CHANGES = Quota(
    "changes of a table's description",
    5,
    10,
    Scope.TABLE,
    "standard_tables",
    "each home changes one table, its own",
)
REQUESTS = Quota("API requests", 100, 1, Scope.KEY, "api_request_quotas")
QUOTAS = (STREAMS, CONNECTIONS, BYTES, JOBS, TABLE_JOBS, CHANGES, REQUESTS)


class Work(StrEnum):
    """What a home does, and what its calls are counted for."""

    WRITE = "a transaction: new rows of a table, and a row of `export_log`"
    LOAD = "the same by load jobs"
    OPEN = "to open the stream of a live table"
    APPEND = "to append to it"
    LOG = "the row of `export_log` about all that was appended to it"


CALLS: Mapping[Work, Counter[str]] = {
    Work.WRITE: Counter(
        {
            CREATE: 2,
            CONNECT: 2,
            SEND: 2,
            "FinalizeWriteStream": 2,
            "BatchCommitWriteStreams": 2,
            "tables.patch": 1,
        }
    ),
    Work.LOAD: Counter({JOB: 2, "jobs.upload": 2, "jobs.get": 20, "tables.patch": 1}),
    Work.OPEN: Counter({CREATE: 1, CONNECT: 1, "tables.patch": 1}),
    Work.APPEND: Counter({SEND: 1}),
    Work.LOG: Counter(
        {
            CREATE: 1,
            CONNECT: 1,
            SEND: 1,
            "FinalizeWriteStream": 1,
            "BatchCommitWriteStreams": 1,
            "tables.patch": 1,
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Home:
    """A home with the default tables, and how it exports."""

    name: str
    exports_a_day: int
    delivery: str = StorageWriteDelivery.name
    live: bool = False

    def work(self, hours: int) -> Counter[Work]:
        """Return what it does in so many hours, of which one is the first of a day."""
        exports = max(1, self.exports_a_day * hours // 24)
        transactions = min(hours, exports) * len(HOURLY) + len(DAILY)
        if self.delivery == LoadJobDelivery.name:
            return Counter({Work.LOAD: exports * len(ALWAYS) + transactions})
        if not self.live:
            return Counter({Work.WRITE: exports * len(ALWAYS) + transactions})
        return Counter(
            {
                Work.WRITE: transactions,
                Work.OPEN: -(-hours // STREAM_HOURS) * len(ALWAYS),
                Work.APPEND: hours * 60 * COMMITS_A_MINUTE * len(ALWAYS),
                Work.LOG: exports * len(ALWAYS),
            }
        )

    def calls(self, hours: int) -> Counter[str]:
        """Return what it calls in so many hours, of which one is the first of a day."""
        found = Counter[str]()
        for work, times in self.work(hours).items():
            found.update({call: times * number for call, number in CALLS[work].items()})
        return found

    def use(self, quota: Quota) -> float:
        """Return what it uses at most of a quota, in the quota's time."""
        busiest, day = self.calls(1), self.calls(24)
        if quota is STREAMS:
            return busiest[CREATE]
        if quota is CONNECTIONS:
            open_ = len(ALWAYS) if self.live else 0
            return open_ + busiest[CONNECT] * CONNECTION_SECONDS / HOUR
        if quota is BYTES:
            return STATES_A_DAY * ROW_BYTES / DAY
        if quota is JOBS:
            return day[JOB]
        if quota is TABLE_JOBS:
            return self.work(24)[Work.LOAD]  # So many `export_log` has, and no table more.
        requests = (number for call, number in busiest.items() if "." in call)
        return max(requests) / HOUR

    def limit(self, *, one_dataset: bool) -> tuple[int, Quota]:
        """Return how many such homes one project carries, and which quota is used up then.

        They share a key, and, with `one_dataset`, their tables, too.
        """
        shared = [STREAMS, CONNECTIONS, JOBS, REQUESTS, *([TABLE_JOBS] if one_dataset else [])]
        if self.delivery == StorageWriteDelivery.name:
            shared.append(BYTES)
        homes = {quota: quota.allowed / use for quota in shared if (use := self.use(quota))}
        first = min(homes, key=lambda quota: homes[quota])
        return floor(homes[first]), first


HOMES = tuple(
    Home(name, exports_a_day, delivery, live)
    for delivery in (StorageWriteDelivery.name, LoadJobDelivery.name)
    for name, exports_a_day, live in (
        ("daily", 1, False),
        ("hourly", 24, False),
        ("every 15 minutes", 96, False),
        ("every 5 minutes", 288, False),
        ("live", 288, delivery == StorageWriteDelivery.name),
    )
)


def free_homes() -> int:
    """Return of how many homes the rows are sent for nothing."""
    return floor(FREE_BYTES / (STATES_A_DAY * ROW_BYTES * MONTH / DAY))
