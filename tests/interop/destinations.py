"""All kinds of servers that are compared."""

from .destination import Destination
from .influxdb import InfluxdbDestination
from .postgresql import PostgresqlDestination

DESTINATIONS: tuple[Destination, ...] = (
    PostgresqlDestination("postgresql", timescale=False),
    PostgresqlDestination("timescaledb", timescale=True),
    InfluxdbDestination(),
)
