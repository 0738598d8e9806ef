"""A busy home that exports for a long time; `script/soak` runs it."""
