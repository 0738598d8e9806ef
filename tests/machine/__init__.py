"""The machine that the tests run on, which may be busy with others."""
