"""What an export is: sources, the checkpoint, transactions and the run."""
