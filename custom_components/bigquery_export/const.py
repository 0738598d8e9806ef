"""Constants for the BigQuery Export integration."""

from datetime import time
from typing import Final

DOMAIN: Final = "bigquery_export"

CONF_ADVANCED: Final = "advanced"
CONF_API_ENDPOINT: Final = "api_endpoint"
CONF_AREAS: Final = "areas"
CONF_BATCH_ROWS: Final = "batch_rows"
CONF_BEGIN: Final = "begin"
CONF_COLUMNS: Final = "columns"
CONF_COORDINATES: Final = "coordinates"
CONF_DATASET_ID: Final = "dataset_id"
CONF_DELIVERY: Final = "delivery"
CONF_DEVICES: Final = "devices"
CONF_DROPPED: Final = "dropped_attributes"
CONF_EVENTS: Final = "events"
CONF_EXPORT_AT_ONCE: Final = "export_at_once"
CONF_EXPORT_TIME: Final = "export_time"
CONF_FREQUENCY: Final = "frequency"
CONF_HASH_USERS: Final = "hash_users"
CONF_HIDDEN: Final = "hidden_entities"
CONF_HISTORY: Final = "history"
CONF_INTEGRATIONS: Final = "integrations"
CONF_KEY_DAYS: Final = "key_days"
CONF_KEY_FILE: Final = "key_file"
CONF_KEY_JSON: Final = "key_json"
CONF_KMS_KEY: Final = "kms_key"
CONF_KEY_SINCE: Final = "key_since"
CONF_LABELS: Final = "labels"
CONF_LOCATION: Final = "location"
CONF_MINUTES: Final = "minutes"
CONF_MONTH_DAY: Final = "month_day"
CONF_NOTIFICATIONS: Final = "notifications"
CONF_PARTITION_DAYS: Final = "partition_days"
CONF_PARTITION_FILTER: Final = "partition_filter"
CONF_PAUSED: Final = "paused"
CONF_PRIVACY: Final = "privacy"
CONF_PROJECT_ID: Final = "project_id"
CONF_SCHEDULE: Final = "schedule"
CONF_SECURITY: Final = "security"
CONF_SERVICE_ACCOUNT_KEY: Final = "service_account_key"
CONF_STORAGE: Final = "storage"
CONF_STORAGE_ENDPOINT: Final = "storage_endpoint"
CONF_CONTEXT_ENTITIES: Final = "surroundings"
CONF_TABLES: Final = "tables"
CONF_TABLE_ID: Final = "table_id"
CONF_TABLE_LABELS: Final = "table_labels"
CONF_TRANSFER: Final = "transfer"
CONF_WEEKDAYS: Final = "weekdays"
CONF_WHAT: Final = "what"

DEFAULT_BATCH_ROWS: Final = 2_000
DEFAULT_DATASET_ID: Final = "home_assistant"
DEFAULT_DELIVERY: Final = "storage_write"
DEFAULT_EXPORT_TIME: Final = time(3, 30)
"""Before the recorder purges, at 04:12."""
DEFAULT_FREQUENCY: Final = "daily"
DEFAULT_KEY_DAYS: Final = 365
DEFAULT_LOCATION: Final = "EU"
DEFAULT_MINUTES: Final = 15
DEFAULT_NOTIFICATIONS: Final = "errors"
DEFAULT_TABLE_ID: Final = "sensor_data"
MIN_BATCH_ROWS: Final = 1_000
MAX_BATCH_ROWS: Final = 5_000
MIN_PARTITION_DAYS: Final = 30
"""Longer than exports wait, so that no partition expires before its rows are there."""
