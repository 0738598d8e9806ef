"""A copy in files: a folder with one file for each table and day."""
