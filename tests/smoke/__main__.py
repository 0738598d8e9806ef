"""Hold against the real BigQuery what could only be read about it; `script/smoke` runs this.

In a temporary dataset, which is deleted at the end, with a few hundred rows, free of cost.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
import secrets
import signal
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from custom_components.bigquery_export.bigquery.connection import (
    API_ENDPOINT,
    STORAGE_ENDPOINT,
    Connection,
    Destination,
)
from custom_components.bigquery_export.bigquery.credentials import (
    is_safe,
    read_key,
)
from custom_components.bigquery_export.bigquery.key_file import KeyFileError, NotJsonError
from custom_components.bigquery_export.errors import ExportError
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

from . import again
from .check import Part
from .run import Run, checks
from .saved import NoSavedNamesError, Saved, save
from .site import LIFE, LIFE_IF_SAVED, Site

BAD_USAGE = 2


class UsageError(Exception):
    """Nothing can be checked; the text is one sentence that says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the checks and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        saved = _read_saved(options.again) if options.again else None
        connection = _connect(options, saved)
    except UsageError as err:
        print(f"smoke: {err}", file=sys.stderr)
        return BAD_USAGE
    began = time.monotonic()
    with closing(connection):
        site = Site(connection, _say, life=LIFE_IF_SAVED if options.save else LIFE)
        run = Run(site, _say)
        complete = _run_again(run, site, saved, options) if saved else _run(run, site, options)
    counts = run.counts
    print(
        f"smoke: checks={counts.total()} ok={counts['ok']} differs={counts['differs']}"
        f" skipped={counts['skipped']} seconds={time.monotonic() - began:.1f}"
    )
    return int(not complete or counts["differs"] > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="script/smoke", description=__doc__)
    parser.add_argument("--key", type=Path, required=True, help="key file of a service account")
    parser.add_argument("--project", help="default: the key's")
    parser.add_argument("--location", default="EU", help="of the dataset; default: %(default)s")
    parser.add_argument(
        "--delivery",
        choices=("both", "storage_write", "load_job"),
        default="both",
        help="default: %(default)s, as far as the key may",
    )
    later = parser.add_argument_group("what takes hours, or days")
    later.add_argument(
        "--save", type=Path, help="leave all as it is, and write down what to ask about later"
    )
    later.add_argument(
        "--again", type=Path, help="ask only about what an earlier run has saved in this file"
    )
    later.add_argument("--delete", action="store_true", help="and then delete it")
    parser.add_argument("--idle", type=float, default=again.IDLE_SECONDS, help=argparse.SUPPRESS)
    parser.add_argument("--api-endpoint", default=API_ENDPOINT, help=argparse.SUPPRESS)
    parser.add_argument("--storage-endpoint", default=STORAGE_ENDPOINT, help=argparse.SUPPRESS)
    return parser


def _read_saved(path: Path) -> Saved:
    try:
        return Saved.read(path)
    except OSError as err:
        raise UsageError(f"{path} cannot be read: {err.strerror}.") from None
    except NoSavedNamesError:
        raise UsageError(f"{path} is not a file that --save has written.") from None


def _connect(options: argparse.Namespace, saved: Saved | None) -> Connection:
    """Return a connection with a token, to a dataset that was saved or to a new one.

    Raises UsageError.
    """
    key = _read_key(options.key)
    for endpoint in (options.api_endpoint, options.storage_endpoint):
        if not is_safe(endpoint):
            raise UsageError(f"{urlsplit(endpoint).hostname} would be reached without encryption.")
    destination = Destination(
        project=saved.project if saved else options.project or key["project_id"],
        dataset=saved.dataset if saved else f"smoke_{secrets.token_hex(4)}",
        location=saved.location if saved else options.location,
        table=SENSOR_DATA.name,
        api_endpoint=options.api_endpoint,
        storage_endpoint=options.storage_endpoint,
    )
    connection = Connection(key, destination)
    try:
        connection.authenticate()
    except ExportError as err:
        connection.close()
        raise UsageError(f"Google gives no token for this key: {err}.") from None
    return connection


def _read_key(path: Path) -> dict[str, Any]:
    try:
        return read_key(path.read_bytes())
    except OSError as err:
        raise UsageError(f"{path} cannot be read: {err.strerror}.") from None
    except NotJsonError:
        raise UsageError(f"{path} is not a JSON file.") from None
    except KeyFileError:
        raise UsageError(f"{path} is not the key of a service account.") from None


def _run(run: Run, site: Site, options: argparse.Namespace) -> bool:
    """Make all checks, and clean up unless it is kept; return whether it was not interrupted."""
    kept = False
    try:
        with _handling(run.interrupt):
            run.check_all(list(checks(options.delivery)))
            if options.save and Part.TABLES in run.open:
                save(site, run.open).write(options.save)
                _say(f"kept: the dataset {site.destination.dataset}, for --again {options.save}")
                kept = True
    except KeyboardInterrupt:
        _say("interrupted")
        return False
    finally:
        if not kept:
            _clean_up(run)
    return True


def _run_again(run: Run, site: Site, saved: Saved, options: argparse.Namespace) -> bool:
    """Ask about what was saved, and delete it if that is wanted; return as `_run` does."""
    site.find()
    _say(f"asking about what was saved {saved.hours:.1f} hours ago")
    try:
        with _handling(run.interrupt):
            run.check_all(list(again.checks(saved, options.idle)))
    except KeyboardInterrupt:
        _say("interrupted")
        return False
    finally:
        # The next time another stream waits.
        saved.without(*saved.waiting[:1]).write(options.again)
        if options.delete:
            _clean_up(run)
    return True


def _clean_up(run: Run) -> None:
    """Delete everything; nor does an impatient Ctrl-C leave anything behind."""
    with _handling(signal.SIG_IGN):
        run.clean_up()


@contextmanager
def _handling(handler: Callable[..., object] | signal.Handlers) -> Iterator[None]:
    """Let Ctrl-C, and SIGTERM, do the same."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, earlier in zip(numbers, before, strict=True):
            signal.signal(number, earlier)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
