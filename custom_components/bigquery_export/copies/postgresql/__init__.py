"""A copy in PostgreSQL. Its library is installed when a copy is set up, so import it no sooner."""
