"""What an export is: its tables, the encoding of rows, the checkpoint and the run."""
