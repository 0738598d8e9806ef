"""Talking to Google: credentials, the dataset and its tables, and the two deliveries."""

from collections.abc import Mapping

from .load_job import LoadJobDelivery
from .storage_write import StorageWriteDelivery

DELIVERIES: Mapping[str, type[StorageWriteDelivery | LoadJobDelivery]] = {
    delivery.name: delivery for delivery in (StorageWriteDelivery, LoadJobDelivery)
}
"""The deliveries by name."""
