"""What an export is: its tables, the encoding of rows, the checkpoint and the run."""

from .export_log import EXPORT_LOG
from .sensor_data import SENSOR_DATA

TABLES = (SENSOR_DATA, EXPORT_LOG)
