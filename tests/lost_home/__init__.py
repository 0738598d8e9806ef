"""A home that loses its database, and gets its statistics back while it is killed."""
