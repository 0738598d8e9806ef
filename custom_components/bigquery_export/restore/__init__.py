"""The way back: statistics that return from BigQuery into the recorder."""
