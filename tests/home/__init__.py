"""A real Home Assistant to run tests against: its recorder database, its process, its API."""
