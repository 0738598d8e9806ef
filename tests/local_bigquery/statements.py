"""What kind of statement a text of SQL is, by its first word."""

import re

_READING = frozenset({"SELECT", "WITH", "FROM"})
_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"})


def reads_only(sql: str) -> bool:
    """Say whether the statement changes nothing."""
    return _first_word(sql) in _READING


def may_declare(sql: str) -> bool:
    """Say whether the statement can make, change or drop tables; scripts can, too."""
    return _first_word(sql) not in _READING | _WRITING or ";" in sql.rstrip().rstrip(";")


def _first_word(sql: str) -> str:
    match = re.search(r"^(?:\s|\(|--[^\n]*\n)*(\w+)", sql)
    return match[1].upper() if match else ""
