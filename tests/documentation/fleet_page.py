"""The page about many homes in one project, worked out from what one home calls."""

from collections import Counter
from collections.abc import Iterable
from itertools import starmap

from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.export.chunk import MAX_ROWS
from tests.bigquery_export.support.fleet import (
    ALWAYS,
    CALLS,
    CONNECTION_SECONDS,
    CONNECTIONS,
    DAILY,
    HOMES,
    HOUR,
    HOURLY,
    JOB_SECONDS,
    JOBS,
    QUOTAS,
    REQUESTS,
    ROW_BYTES,
    STATES_A_DAY,
    STREAMS,
    Home,
    Quota,
    Work,
    free_homes,
)

_PAGE = "https://cloud.google.com/bigquery/quotas"
_TIMES = {0: "at once", 1: "a second", 10: "in 10 seconds", 3_600: "an hour", 86_400: "a day"}
_DELIVERIES = {StorageWriteDelivery.name: "Storage Write API", LoadJobDelivery.name: "load jobs"}


def _names(tables: Iterable[str]) -> str:
    """Return names of tables as a list in a sentence."""
    *others, last = (f"`{table}`" for table in tables)
    return f"{', '.join(others)} and {last}" if others else last


_HEAD = f"""\
# Many homes

How many homes export to one project of Google's. `python -m tests.documentation` works it out from
what one home calls, which a test counts (`tests/bigquery_export/scenarios/test_fleet.py`), and from
BigQuery's page [Quotas and limits]({_PAGE}) as it was in August 2026.

Homes may share a dataset, and so its tables, whose rows say in `source` whose they are; or each has
a dataset of its own. Each should have a key of its own, which can be deleted alone.

| how often | delivery | homes in one project | then used up | homes in one dataset | then used up |
|---|---|---|---|---|---|
"""
_MEANING = f"""
* Each home has the default tables. {_names(ALWAYS)} have new rows with every
  export, {_names(HOURLY)} once an hour, {_names(DAILY)} once a day.
  The busiest hour counts, which is the first one of a day.
* Homes that export hourly or more often do not begin at the same second: each adds a time of its
  own. Daily ones all begin at the time that is set: set different ones, some minutes apart.
* All homes are in one region, and use one key. Where a quota is for a region or a service account,
  others have their own.
* Rows of {free_homes():,} homes with {STATES_A_DAY:,} states a day, of {ROW_BYTES} bytes each, are
  sent [for nothing](cost.md).
* A connection counts for {CONNECTION_SECONDS // 60} minutes. BigQuery suggests several, as short
  ones may count for longer than they last.
* A load job is done after {JOB_SECONDS} seconds.
* The first export of a long history takes a transaction for every {MAX_ROWS:,} rows: let a few
  homes begin at a time.

What a home is refused it sends later, and its status is *retrying* until then: nothing is lost.

## More homes

* With the Storage Write API, write streams are used up first: a transaction opens two. Export less
  often, or [ask for more](https://docs.cloud.google.com/docs/quotas/view-manage). [Live](live.md)
  homes open fewer than those that export every five minutes, as states and events go to streams
  that stay open.
* With load jobs in one dataset, the table `export_log` gives first: it gets a job for each job of
  another table. Give each home a dataset, or take the Storage Write API.
* Or take another project for the next homes. A query can read from both.

## What BigQuery allows

| what | how much | for each | |
|---|---|---|---|
"""
_CALLS = """
## What one home calls

Without tokens, one an hour, and without a first start, which makes tables and views.

| what it does | calls |
|---|---|
"""
_USES = """
In the busiest hour, and in a day; requests are those of the method that is called most:

| how often | delivery | new streams an hour | connections | load jobs a day | requests an hour |
|---|---|---|---|---|---|
"""


def fleet_page() -> str:
    """Return `docs/fleet.md`."""
    return "".join(
        (
            _HEAD,
            *map(_limits, HOMES),
            _MEANING,
            *map(_quota, QUOTAS),
            _CALLS,
            *starmap(_calls, CALLS.items()),
            _USES,
            *map(_uses, HOMES),
        )
    )


def _limits(home: Home) -> str:
    own, own_quota = home.limit(one_dataset=False)
    shared, shared_quota = home.limit(one_dataset=True)
    return _row(*_named(home), f"{own:,}", own_quota.name, f"{shared:,}", shared_quota.name)


def _quota(quota: Quota) -> str:
    name = f"[{quota.name}]({_PAGE}#{quota.anchor})"
    return _row(name, f"{quota.allowed:,} {_TIMES[quota.seconds]}", quota.scope, quota.remark)


def _calls(work: Work, calls: Counter[str]) -> str:
    return _row(work, ", ".join(f"{times} {call}" for call, times in calls.items()))


def _uses(home: Home) -> str:
    return _row(
        *_named(home),
        f"{home.use(STREAMS):.0f}",
        f"{home.use(CONNECTIONS):.1f}",
        f"{home.use(JOBS):,.0f}",
        f"{home.use(REQUESTS) * HOUR:.0f}",
    )


def _named(home: Home) -> tuple[str, str]:
    return home.name, _DELIVERIES[home.delivery]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"
