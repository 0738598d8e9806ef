"""What could only be read about BigQuery, held against the real one."""
