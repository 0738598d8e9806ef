"""What a row is: the tables and their columns, and the encoding of what the recorder has."""
