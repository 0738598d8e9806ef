"""What the tests of the local BigQuery share."""
