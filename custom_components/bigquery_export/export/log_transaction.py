"""Rows of the export log, which are committed after what they tell of."""

from collections.abc import Mapping
from typing import Any

from homeassistant.util.ulid import ulid_now

from ..rows.export_log import EXPORT_LOG
from .delivery import Delivery, Transaction


def write_log(delivery: Delivery, *rows: Mapping[str, Any]) -> Transaction:
    """Return a finished transaction with rows of the export log; this blocks."""
    encoding = delivery.encoding(EXPORT_LOG)
    log = delivery.begin(EXPORT_LOG, f"{EXPORT_LOG.name}_{ulid_now()}")
    try:
        log.append([encoding.row(encoding.fragment(values)) for values in rows])
        log.finish()
    except BaseException:
        log.close()
        raise
    return log
