"""All checks, one after the other."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from custom_components.bigquery_export.errors import (
    AccessDeniedError,
    ApiDisabledError,
    BillingDisabledError,
    ExportError,
    PermissionMissingError,
    RefusedError,
)

from . import catalog, files, functions, jobs, new_tables, other_streams, reading, streams
from .check import Check, DiffersError, Part
from .site import Site

_MAX_TEXT = 600
_OF_BILLING = ("billing", "free tier", "sandbox")
_CLEAN_UP = "deleting everything"


class Run:
    """A run of checks: says what it sees, and counts."""

    def __init__(self, site: Site, say: Callable[[str], None]) -> None:
        """Run on a site."""
        self.counts: Counter[str] = Counter()
        self._site = site
        self._say = say
        self.open: set[Part] = set()
        """The parts that are there."""
        self._interrupted = False

    def check_all(self, checks: Sequence[Check]) -> None:
        """Make all checks whose parts are there. Raises KeyboardInterrupt."""
        for check in checks:
            if self._interrupted:
                raise KeyboardInterrupt
            self._check(check)

    def interrupt(self, *_: object) -> NoReturn:
        """End it, as the handler of a signal: at once, or after a check that takes no notice.

        What is raised while a library calls back is printed by Python at most.
        """
        self._interrupted = True
        raise KeyboardInterrupt

    def clean_up(self) -> None:
        """Delete everything, and say so."""
        try:
            seen = self._site.remove()
        except Exception as err:
            self._differs(
                _CLEAN_UP,
                f"{_text(err)}; delete the dataset {self._site.destination.dataset} by hand",
                "everything is deleted, by the account that made it",
                "nothing of ours: only the checks delete a dataset",
            )
        else:
            self._line("ok", _CLEAN_UP, seen)

    def _check(self, check: Check) -> None:
        if missing := [part for part in check.needs if part not in self.open]:
            self._line("skipped", check.name, f"needs {' and '.join(missing)}")
            return
        try:
            seen = check.see(self._site)
        except Exception as err:
            what = _not_allowed(err)
            if what and (check.opens or isinstance(err, ApiDisabledError)):
                self._line("skipped", check.name, f"not allowed: {what}")
                return
            self._differs(check.name, _text(err), check.expected, check.rule)
            if not (isinstance(err, DiffersError) and err.opens):
                return
        else:
            self._line("ok", check.name, seen)
        if check.opens:
            self.open.add(check.opens)

    def _differs(self, name: str, seen: str, expected: str, rule: str) -> None:
        self._line("differs", name, seen)
        self._say(f"         expected: {expected}")
        self._say(f"         rests on it: {rule}")

    def _line(self, status: str, name: str, seen: str) -> None:
        self.counts[status] += 1
        self._say(f"{status:<8} {name} — {' '.join(seen.split())[:_MAX_TEXT]}")


def checks(delivery: str) -> Iterator[Check]:
    """Yield the checks of one delivery, or of both, in an order in which they can be made."""
    yield from catalog.FIRST
    if delivery in ("both", "storage_write"):
        yield from streams.CHECKS
        yield from new_tables.CHECKS
        yield from other_streams.CHECKS
        yield from reading.STREAMED
    if delivery in ("both", "load_job"):
        yield from jobs.CHECKS
        yield from files.CHECKS
        yield from reading.LOADED
    yield from reading.ANY
    yield from catalog.LAST
    yield from functions.CHECKS


def _not_allowed(err: Exception) -> str:
    """Return what the key or the project may not do and what to grant, or nothing."""
    if isinstance(err, PermissionMissingError):
        role = err.placeholders["role"]
        if err.permission == "bigquery.datasets.create":
            role = "BigQuery Data Editor on the project"
        return f"{err.permission}, grant {role}"
    if isinstance(err, ApiDisabledError):
        return f"the {err.api}, enable it in the project {err.project}"
    if isinstance(err, BillingDisabledError):
        return f"what is not free, enable billing ({err.message})"
    message = err.message if isinstance(err, AccessDeniedError | RefusedError) else ""
    if any(word in message.lower() for word in _OF_BILLING):
        return f"what is not free, enable billing ({message})"
    return ""


def _text(err: Exception) -> str:
    known = isinstance(err, DiffersError | ExportError)
    return str(err) if known else f"{type(err).__name__}: {err}"
