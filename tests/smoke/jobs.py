"""Checks of load jobs: files of newline-delimited JSON under ids of our own."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from google.cloud.bigquery import LoadJob

from custom_components.bigquery_export.bigquery.job_budget import JobBudget
from custom_components.bigquery_export.bigquery.listed_rows import ListedRows
from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.load_jobs import LoadJobs
from custom_components.bigquery_export.bigquery.row_file import RowFile
from custom_components.bigquery_export.errors import TableMismatchError
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Column, ColumnType, Scope, timestamp

from .check import Check, DiffersError, Part, same
from .site import Site, label
from .values import deliver, exact_rows
from .wire import begin_load

_BAD_TIME = b'{"entity_id":"sensor.smoke","last_changed":"yesterday"}'
_BAD_JSON = b'{"entity_id":"sensor.smoke","attributes":{}'
_DAY = 86_400_000_000
_POSITION = "row starting at position "


def transaction(site: Site) -> str:
    """Load a file."""
    jobs = _jobs(site)
    rows = [_row(site, "load", id_) for id_ in range(200)]
    file_job = _run(jobs, label(), *rows)
    same(file_job.error_result, None)
    same(file_job.output_rows, 200)
    at_once = len(site.ids("load"))
    return same(at_once, 200, f"outputRows {file_job.output_rows}, all seen at once")


def exact(site: Site) -> str:
    """Send values of all types."""
    return exact_rows(site, site.load_job, "loaded values")


def wide_numbers(site: Site) -> str:
    """Load JSON with numbers that a double cannot hold."""
    text = '{"n": 0.12345678901234567890123, "i": 123456789012345678901234567890}'
    rejected = deliver(site.load_job, [site.values("wide load", 1, attributes=text)])
    same([row.reason for row in rejected], [])
    site.wait_for_ids("wide load", 1)
    return f"taken, and read as {site.rows('wide load')[0]['attributes']}"


def repeated_id(site: Site) -> str:
    """Begin a job with an id that another has had."""
    job_id = label()
    content = _row(site, "repeated", 1) + b"\n"
    first = begin_load(site, job_id, content)
    _jobs(site).find(job_id)
    second = begin_load(site, job_id, content)
    same(site.wait_for_ids("repeated", 1), [1])
    same((first[1], second[1]), (200, 409))
    return same(second[0], "beginning", f"{second[1]} at the {second[0]} of the upload")


def commit_again(site: Site) -> str:
    """Commit a transaction of the integration twice."""
    encoding = site.load_job.encoding(SENSOR_DATA)
    load = site.load_job.begin(SENSOR_DATA, label())
    load.append([encoding.row(encoding.fragment(site.values("load again", 1)))])
    load.finish()
    same((load.commit(), load.commit()), ([], []))
    load.close()
    seen = site.load_job.settle(SENSOR_DATA, load.name)
    same(seen, Outcome.COMMITTED)
    return same(
        site.wait_for_ids("load again", 1), [1], "the row is there once, settled as COMMITTED"
    )


def unknown_job(site: Site) -> str:
    """Ask for a job that never was."""
    return same(_jobs(site).find(label()), None, "404")


def empty_file(site: Site) -> str:
    """Load a file without a row."""
    job = _run(_jobs(site), label())
    same(job.error_result, None)
    raw = site.loaded(job).get("outputRows")
    return same(raw, "0", f"it succeeds with outputRows {raw}")


def fence(site: Site) -> str:
    """Settle a transaction of which BigQuery has heard nothing, and then begin its job late."""
    job_id = label()
    seen = site.load_job.settle(SENSOR_DATA, job_id)
    same(seen, Outcome.NOT_COMMITTED)
    late = begin_load(site, job_id, _row(site, "late", 1) + b"\n")
    same(late[1], 409)
    return same(site.ids("late"), [], f"NOT_COMMITTED, and a late job is refused ({late[1]})")


def bad_row(site: Site) -> str:
    """Load a file with a bad row, and see by what the job names it."""
    good = [_row(site, "bad row", id_, state="é" * 50) for id_ in range(3)]
    job = _run(_jobs(site), label(), *good, _BAD_TIME, *good, _BAD_JSON)
    place = sum(len(row) + 1 for row in good)
    messages = _messages(job)
    same((job.error_result or {}).get("reason"), "invalid", "; ".join(messages))
    named = [message for message in messages if f"{_POSITION}{place}" in message]
    same(site.ids("bad row"), [])
    if not named:
        raise DiffersError("; ".join(messages))
    return f"{len(messages)} messages; {named[0]}"


def many_bad_rows(site: Site) -> str:
    """Load a file with 20 bad rows through a transaction of the integration."""
    encoding = site.load_job.encoding(SENSOR_DATA)
    rows = [encoding.row(encoding.fragment(site.values("many bad", id_))) for id_ in range(20)]
    load = site.load_job.begin(SENSOR_DATA, label())
    load.append([each for row in rows for each in (row, _BAD_TIME)])
    load.finish()
    attempts = rejected = 0
    while found := load.commit():
        attempts += 1
        rejected += len(found)
    load.close()
    same(rejected, 20)
    same(site.wait_for_ids("many bad", 20), list(range(20)))
    return f"all are left out after {attempts} jobs that failed"


def named_rows(site: Site) -> str:
    """Load a file with more bad rows than are overlooked, and count those that are named."""
    rows = [_row(site, "named", id_) for id_ in range(20)]
    bad = [_BAD_TIME] * 20
    job = _run(_jobs(site), label(), *rows, *bad, *[b"x"] * 31, max_bad_records=50)
    same(bool(job.error_result), True)
    same(site.ids("named"), [])
    named = sum(_POSITION in message for message in _messages(job))
    return same(named, 51, f"{named} of 51 bad rows are named")


def overlooked_rows(site: Site) -> str:
    """Load a file with fewer bad rows than are overlooked."""
    rows = [_row(site, "overlooked", 1), _BAD_TIME, _row(site, "overlooked", 2)]
    job = _run(_jobs(site), label(), *rows, max_bad_records=5)
    same(job.error_result, None)
    same(site.wait_for_ids("overlooked", 2), [1, 2])
    bad = site.loaded(job).get("badRecords")
    text = f"outputRows 2, badRecords {bad}, {len(_messages(job))} messages"
    return same(job.output_rows, 2, text)


def unknown_field(site: Site) -> str:
    """Load a column that the table lacks."""
    row = _row(site, "unknown field", 1)[:-1] + b',"smoke_never_added":1}'
    load = site.load_job.begin(SENSOR_DATA, label())
    load.append([row])
    load.finish()
    try:
        load.commit()
    except TableMismatchError as err:
        return same(err.columns, "smoke_never_added", f"No such field: {err.columns}")
    finally:
        load.close()
    raise DiffersError("it was taken")


def new_column(site: Site) -> str:
    """Load a column that was added a moment ago."""
    column = Column("smoke_loaded", ColumnType.STRING, Scope.ROW, "Added by the smoke test")
    table = replace(SENSOR_DATA, columns=(*SENSOR_DATA.columns, column))
    site.schema.ensure_table(table)
    delivery = LoadJobDelivery(site.connection)
    encoding = delivery.encoding(table)
    load = delivery.begin(table, label())
    load.append([encoding.row(encoding.fragment(site.values("added", 1, smoke_loaded="x")))])
    load.finish()
    same(load.commit(), [])
    load.close()
    site.wait_for_ids("added", 1)
    return same([row["smoke_loaded"] for row in site.rows("added")], ["x"], "taken at once")


def far_rows(site: Site) -> str:
    """Load rows of long ago and of times to come."""
    days = (-20_000, -3_680, 400, 20_000)
    sent = []
    for id_, day in enumerate(days):
        changed = timestamp(site.noon + timedelta(days=day))
        sent.append(site.values("far", id_, last_changed=changed))
    same([row.reason for row in deliver(site.load_job, sent)], [])
    same(site.wait_for_ids("far", len(days)), list(range(len(days))))
    listed_rows = ListedRows(site.connection, "far")
    found = [len(list(listed_rows.rows(SENSOR_DATA, row["last_changed"] // _DAY))) for row in sent]
    return same(found, [1] * len(days), f"days {list(days)} are each in their partition")


def job_ids(site: Site) -> str:
    """Begin jobs with ids at the edges of what is allowed."""
    content = _row(site, "job ids", 1) + b"\n"
    longest = (label() + "-_Az09" * 200)[:1024]
    seen = [begin_load(site, job_id, content)[1] for job_id in (longest, f"{longest}x", "a.b:c")]
    _jobs(site).find(longest)
    return same(seen, [200, 400, 400], "1,024 characters are taken; 1,025 and a.b:c are not (400)")


def _jobs(site: Site) -> LoadJobs:
    return LoadJobs(site.connection, SENSOR_DATA, JobBudget())


def _run(jobs: LoadJobs, job_id: str, *rows: bytes, max_bad_records: int = 0) -> LoadJob:
    file = RowFile()
    try:
        file.append(rows)
        return jobs.run(job_id, file, max_bad_records=max_bad_records)
    finally:
        file.close()


def _row(site: Site, source: str, id_: int, **more: Any) -> bytes:
    encoding = site.load_job.encoding(SENSOR_DATA)
    return encoding.row(encoding.fragment(site.values(source, id_, **more)))


def _messages(job: LoadJob) -> list[str]:
    return [" ".join(str(error.get("message", "")).split())[:300] for error in job.errors or ()]


_JOBS = (Part.TABLES, Part.JOBS)

CHECKS = (
    Check(
        "a load job",
        transaction,
        "outputRows are the rows of the file, and all are seen at once",
        "LoadTransaction._check",
        needs=_JOBS,
        opens=Part.ROWS,
    ),
    Check("values, loaded", exact, "each is as it was sent", "bigquery/ndjson.py", needs=_JOBS),
    Check(
        "wide numbers in JSON, loaded",
        wide_numbers,
        "they are taken",
        "no attribute of a state is refused",
        needs=_JOBS,
    ),
    Check(
        "a job id again",
        repeated_id,
        "409 when the upload is begun, and the rows are there once",
        "LoadJobs.run takes a 409 anywhere; then it reads the job that has the id",
        needs=_JOBS,
    ),
    Check(
        "committing a load again",
        commit_again,
        "nothing is added",
        "LoadTransaction.commit and LoadJobDelivery.settle",
        needs=_JOBS,
    ),
    Check("a job that never was", unknown_job, "404", "LoadJobs.find", needs=_JOBS),
    Check(
        "an empty file",
        empty_file,
        "the job succeeds, with outputRows 0",
        "load_job._fence and _stored_rows, which trust its label more than this number",
        needs=_JOBS,
    ),
    Check(
        "settling a load",
        fence,
        "NOT_COMMITTED, and the id is used up: 409",
        "load_job._fence",
        needs=_JOBS,
    ),
    Check(
        "a bad row, loaded",
        bad_row,
        "reason invalid, and a message has 'row starting at position N', N in the plain file",
        "load_job._POSITION and LoadTransaction._leave_out",
        needs=_JOBS,
    ),
    Check(
        "20 bad rows, loaded",
        many_bad_rows,
        "all are left out, and no row is in before",
        "LoadTransaction.commit and _survey",
        needs=_JOBS,
    ),
    Check(
        "how many bad rows are named",
        named_rows,
        "one more than maxBadRecords",
        "LoadTransaction._survey; if fewer are named, it needs more jobs",
        needs=_JOBS,
    ),
    Check(
        "bad rows that are overlooked",
        overlooked_rows,
        "the job succeeds, and outputRows are the others",
        "LoadTransaction._survey ends its file so that this never happens",
        needs=_JOBS,
    ),
    Check(
        "a field that the table lacks",
        unknown_field,
        "the job fails, and a message has 'No such field: NAME'",
        "load_job._NO_SUCH_FIELD",
        needs=_JOBS,
    ),
    Check(
        "a new column, loaded",
        new_column,
        "it is known at once",
        "an export by load jobs follows an update within seconds",
        needs=_JOBS,
    ),
    Check(
        "rows far from today, loaded",
        far_rows,
        "they are taken; in the sandbox partitions of 60 days ago are gone at once",
        "an export of a long history by load jobs, and TableLookup afterwards",
        needs=_JOBS,
    ),
    Check(
        "job ids",
        job_ids,
        "letters, digits, - and _, at most 1,024",
        "Delivery.begin says what a label may have",
        needs=_JOBS,
    ),
)
