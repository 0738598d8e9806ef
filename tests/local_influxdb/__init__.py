"""A small InfluxDB 1, 2 or 3 that takes what its pages allow, and refuses all else."""
