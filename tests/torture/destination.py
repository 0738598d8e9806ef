"""The BigQuery to which a home exports: its faults, its clock, its buffer and its roles."""

import asyncio
from contextlib import suppress
from random import Random

from tests.home.integration import DATASET
from tests.local_bigquery.process import (
    DATA_EDITOR,
    JOB_USER,
    Json,
    LocalBigQuery,
    LocalBigQueryError,
)
from tests.machine.patience import Patience

from .faults import add_delay, add_fault, add_token_fault, fired

PROJECT = "torture-home"
BUFFER_SECONDS = (0, 1_200, 5_400)
BUFFER_LAG_SECONDS = (0, 60, 300)
"""How long rows are in no partition, and how long tables.get does not tell of them."""
TOKEN_SECONDS = (3_600, 60)
"""Google's hour, and less than what Google's library takes for as good as expired: then each call
asks for a token."""
HOUR = 3_600.0
SECONDS_FOR_VIEWS = 60
SECONDS_UNTIL_IT_RESTS = 1.5
"""Delayed calls go on when their rules are gone, and are then done soon."""


class Destination:
    """A local BigQuery to which things happen at random."""

    def __init__(self, bigquery: LocalBigQuery, random: Random) -> None:
        """Begin without faults, and with an account that may do everything that is needed."""
        self._bigquery = bigquery
        self._random = random
        self.faults = 0
        """Calls that went wrong, and its own ends."""
        self.token_faults = 0
        """Requests for tokens that went wrong."""
        self.key = bigquery.create_account(PROJECT, _grants(DATA_EDITOR, JOB_USER))

    @property
    def rest_url(self) -> str:
        """Return the address of its REST API."""
        return self._bigquery.rest_url

    @property
    def storage_url(self) -> str:
        """Return the address of its Storage Write API."""
        return self._bigquery.storage_url

    def query(self, sql: str) -> list[Json]:
        """Return the rows of a statement."""
        return self._bigquery.query(sql, PROJECT)

    async def until_views_are_made(self) -> None:
        """Wait for the views, which a home makes when its first export has ended."""
        patience = Patience(SECONDS_FOR_VIEWS)
        sql = f"SELECT COUNT(*) FROM {DATASET}.statistics_short_term_latest"  # noqa: S608
        while patience.left > 0:
            with suppress(LocalBigQueryError):
                await asyncio.to_thread(self.query, sql)
                return
            await asyncio.sleep(0.5)
        raise TimeoutError("the home has made no views")

    def add_faults(self, number: int, delivery: str) -> str:
        """Let some calls fail, and say which."""
        return "; ".join(add_fault(self._bigquery, self._random, delivery) for _ in range(number))

    def add_token_fault(self) -> str:
        """Let requests for tokens go wrong, and say how."""
        return add_token_fault(self._bigquery, self._random)

    def change_tokens(self) -> str:
        """Choose how long new tokens last, and say it."""
        seconds = self._random.choice(TOKEN_SECONDS)
        self._bigquery.keep_settings(token_seconds=seconds)
        return f"tokens last {seconds} s"

    def add_delay(self, delivery: str) -> tuple[str, float]:
        """Make one call slow; return a description and its seconds."""
        return add_delay(self._bigquery, self._random, delivery)

    def clear_faults(self) -> None:
        """Let all calls succeed again."""
        calls = fired(self._bigquery)
        self.faults += calls.total()
        self.token_faults += calls["token"]
        self._bigquery.clear_faults()

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.faults += 1
        await asyncio.to_thread(self._bigquery.kill)

    async def restart(self) -> None:
        """Start it again."""
        await asyncio.to_thread(self._bigquery.restart)

    def change_buffer(self) -> str:
        """Choose how late rows are listed, and say it."""
        seconds = self._random.choice(BUFFER_SECONDS)
        lag = self._random.choice(BUFFER_LAG_SECONDS)
        self._bigquery.keep_settings(
            buffer_seconds=seconds,
            buffer_lag_seconds=lag,
            # The launched integration does not keep to the limit, as that would take minutes.
            metadata_changes_per_10_seconds=1_000_000,
        )
        return f"rows are listed after {seconds} s, and told of after {lag} s"

    def change_roles(self, *, jobs: bool) -> str:
        """Let the key run jobs, or not if it need not and chance says so, and say it."""
        jobs = jobs or self._random.random() < 0.5
        self._bigquery.set_grants(
            self.key["client_email"], _grants(DATA_EDITOR, *([JOB_USER] if jobs else []))
        )
        return "the key may run jobs" if jobs else "the key may run no jobs"

    def move_clock(self, seconds: float) -> None:
        """Move its clock forward, unless it is down."""
        with suppress(OSError):
            self._bigquery.move_clock(seconds)

    async def delete_fence(self, instance_id: str) -> None:
        """Delete the fence of a home that rests, hours after its last commit."""
        await asyncio.sleep(SECONDS_UNTIL_IT_RESTS)
        self.move_clock(3 * HOUR)
        self.query(f"DROP TABLE IF EXISTS `{DATASET}.export_fence_{instance_id}`")


def _grants(*roles: str) -> list[Json]:
    return [{"role": role, "project": PROJECT} for role in roles]
