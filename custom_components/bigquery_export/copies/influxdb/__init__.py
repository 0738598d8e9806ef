"""A copy in InfluxDB, or in what takes its line protocol."""
