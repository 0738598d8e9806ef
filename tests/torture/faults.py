"""Faults of BigQuery that pass, and may hit any call of an export."""

from collections import Counter
from random import Random
from typing import Any

from tests.local_bigquery.process import LocalBigQuery

LONGEST_DELAY = 1.0
"""Seconds. A commit must not come later than Home Assistant needs to start again: with the
checkpoint lost meanwhile it could not be known."""

_STORAGE = (
    *("drop", "UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "INTERNAL"),
    *("UNAUTHENTICATED", "DEADLINE_EXCEEDED"),
)
_REST = ("drop", "backendError", "internalError", "tooManyRequests", "rateLimitExceeded")
_ALWAYS = {
    "tabledata.list": (*_REST, "corrupt_json", "cut_body"),
    # The fence, and what the buffer is asked.
    "tables.get": ("drop", "backendError", "rateLimitExceeded"),
    "tables.patch": ("drop", "backendError", "rateLimitExceeded"),
    "token": ("drop", "backendError"),
}
_KINDS = {
    "storage_write": _ALWAYS
    | {
        "CreateWriteStream": _STORAGE,
        "AppendRows": _STORAGE,
        "FinalizeWriteStream": _STORAGE,
        "BatchCommitWriteStreams": (*_STORAGE, "stream_errors"),
        "GetWriteStream": (*_STORAGE, "NOT_FOUND"),
    },
    "load_job": _ALWAYS
    | {
        "jobs.insert": _REST,
        "jobs.upload": _REST,
        "jobs.get": (*_REST, "corrupt_json", "cut_body"),
    },
}
_WEIGHTS = {
    **{"AppendRows": 3, "BatchCommitWriteStreams": 5, "GetWriteStream": 2},
    **{"tables.patch": 3, "tables.get": 2},
    **{"jobs.insert": 2, "jobs.upload": 5, "jobs.get": 3},
}


_TOKEN_FAULTS: tuple[tuple[Any, ...], ...] = (
    ("page", 200, 403, 404, 407, 502, 511),
    ("page", 200),
    ("empty", 200, 403, 503),
    *(("drop",), ("delay",), ("backendError",), ("internalError",)),
    *(("corrupt_json",), ("cut_body",)),
)
"""Kinds, each with the statuses that it may have."""
SLOWEST_TOKEN = 4.0
"""Seconds."""


def add_fault(bigquery: LocalBigQuery, random: Random, delivery: str) -> str:
    """Let some call fail, before or after it was done, and describe it."""
    method = _method(random, delivery)
    kind = random.choice(_KINDS[delivery][method])
    rule: dict[str, Any] = {
        # The second commit, and the second of all other calls, is that of the export log.
        "skip": random.choice((0, 0, 1)),
        "times": random.choice((1, 1, 2, 4)),
        "seconds": round(random.choice((0.0, 0.2)) * random.random(), 3),
    }
    if kind not in ("stream_errors", "NOT_FOUND", "corrupt_json", "cut_body"):
        rule["done"] = random.random() < 0.5
    bigquery.add_fault(method, kind, **rule)
    return f"{method} {kind}{' after it was done' if rule.get('done') else ''} x{rule['times']}"


def add_token_fault(bigquery: LocalBigQuery, random: Random) -> str:
    """Let requests for tokens go wrong as they do behind a router, and describe it."""
    kind, *status = random.choice(_TOKEN_FAULTS)
    times = random.choice((1, 2, 6, None))
    rule: dict[str, Any] = {"times": times, "skip": random.choice((0, 0, 1, 3))}
    if status:
        rule["status"] = random.choice(status)
    rule["seconds"] = round(random.uniform(0.5, SLOWEST_TOKEN), 3) if kind == "delay" else 0
    bigquery.add_fault("token", kind, **rule)
    return f"token {kind}{rule.get('status', '')} x{times or 'all'}"


def add_delay(bigquery: LocalBigQuery, random: Random, delivery: str) -> tuple[str, float]:
    """Make one call of some method slow, describe it, and return its seconds."""
    method = _method(random, delivery)
    seconds = round(random.uniform(0.2, LONGEST_DELAY), 3)
    bigquery.add_fault(method, "delay", skip=random.choice((0, 0, 1)), seconds=seconds)
    return f"{method} slow", seconds


def fired(bigquery: LocalBigQuery) -> Counter[str]:
    """Return how many calls of each method have gone wrong by the rules that there are."""
    calls: Counter[str] = Counter()
    for rule in bigquery.faults():
        calls[rule["method"]] += rule["fired"]
    return calls


def _method(random: Random, delivery: str) -> str:
    methods = list(_KINDS[delivery])
    return random.choices(methods, [_WEIGHTS.get(method, 1) for method in methods])[0]
