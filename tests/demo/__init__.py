"""A demonstration: a real Home Assistant exports its history to the local BigQuery."""
