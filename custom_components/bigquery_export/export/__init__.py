"""What an export is: its tables, the encoding of rows, the checkpoint and the run."""

from .export_log import EXPORT_LOG
from .sensor_data import SENSOR_DATA

SOURCE_TABLES = (SENSOR_DATA,)
"""The tables with rows of the recorder."""
TABLES = (*SOURCE_TABLES, EXPORT_LOG)
"""All tables of an export."""
