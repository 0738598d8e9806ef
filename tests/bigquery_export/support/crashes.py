"""A process that dies at a step of an export."""

from collections.abc import Callable
from typing import Any

import pytest

from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery, LoadTransaction
from custom_components.bigquery_export.bigquery.storage_write import (
    PendingStream,
    StorageWriteDelivery,
)


class Crash(BaseException):
    """The process dies here: nothing that the run does afterwards has an effect."""


TRANSACTIONS: dict[str, type] = {
    StorageWriteDelivery.name: PendingStream,
    LoadJobDelivery.name: LoadTransaction,
}
CRASHES = {
    "while a batch is appended": ("append", "before"),
    "after a batch was appended": ("append", "after"),
    "before the sending ends": ("finish", "before"),
    "after the sending has ended": ("finish", "after"),
    "before a checkpoint is written": ("save", "before"),
    "after a checkpoint was written": ("save", "after"),
    "before the commit": ("commit", "before"),
    "after the commit": ("commit", "after"),
}


def crash_at(patch: pytest.MonkeyPatch, owner: type, name: str, when: str, call: int) -> None:
    """Let the process die before or after a method has been called so often."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def crashing(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            raise Crash
        result = original(*args)
        if calls == call:
            raise Crash
        return result

    patch.setattr(owner, name, crashing)
