"""Talking to Google: credentials, the dataset and its tables, and the deliveries."""

from collections.abc import Mapping

from .committed_stream import CommittedStreamDelivery
from .load_job import LoadJobDelivery
from .storage_write import StorageWriteDelivery

DELIVERIES: Mapping[str, type[StorageWriteDelivery | LoadJobDelivery]] = {
    delivery.name: delivery for delivery in (StorageWriteDelivery, LoadJobDelivery)
}
"""The deliveries that the user can choose, by name."""

EVERY_DELIVERY: Mapping[
    str, type[StorageWriteDelivery | LoadJobDelivery | CommittedStreamDelivery]
] = {**DELIVERIES, CommittedStreamDelivery.name: CommittedStreamDelivery}
"""All deliveries by name, with that of live exports."""
