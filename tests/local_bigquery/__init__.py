"""A BigQuery for tests, development and demonstrations, on this machine only.

bqemulator keeps the tables and runs the SQL; a server of ours stands in front of it and holds
clients to what BigQuery documents and bqemulator lets pass: credentials, permissions, the
declarations of tables, and the rules of load jobs and of the Storage Write API. Its clock, its
quotas and its faults can be set from a test.

`process.start()` starts both; `script/bigquery` does the same for a person.
"""
