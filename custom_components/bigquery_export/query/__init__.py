"""Questions to BigQuery: what may be asked, by whom, and for how much money."""
