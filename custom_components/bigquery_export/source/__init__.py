"""Reading the recorder's database, in small pieces and never for long."""
