"""Reading the recorder's database, in small pieces and short transactions."""
