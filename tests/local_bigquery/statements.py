"""What kind of statement a text of SQL is, by its first words."""

from dataclasses import dataclass
import re

_READING = frozenset({"SELECT", "WITH", "FROM"})
_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"})
_DECLARING = frozenset({"CREATE", "ALTER", "DROP"})
_REPLACING = re.compile(r"\s*CREATE\s+OR\s+REPLACE\s+TABLE\b", re.IGNORECASE)
_NAME = r"(?P<table>(?:`[^`]+`|[\w-]+)(?:\.(?:`[^`]+`|[\w-]+))*)"
_DELETE = re.compile(
    rf"\s*DELETE\s+(?:FROM\s+)?{_NAME}(?:\s+(?:AS\s+)?(?!WHERE\b)(?P<alias>\w+))?"
    r"\s+WHERE\b(?P<condition>.+)",
    re.IGNORECASE | re.DOTALL,
)
_TRUNCATE = re.compile(rf"\s*TRUNCATE\s+TABLE\s+{_NAME}\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a statement deletes: the rows of a table for which a condition is true."""

    table: str
    alias: str
    condition: str


def reads_only(sql: str) -> bool:
    """Say whether the statement changes nothing."""
    return _first_word(sql) in _READING


def keeps_rows_in_place(sql: str) -> bool:
    """Say whether the rows that tables have stay, and stay in their order."""
    word = _first_word(sql)
    return not _is_script(sql) and (
        word in _READING or word == "INSERT" or (word in _DECLARING and not _REPLACING.match(sql))
    )


def deletion(sql: str) -> Deletion | None:
    """Return what the statement deletes, if it does that and nothing else."""
    sql = sql.rstrip().rstrip(";")
    match = _DELETE.fullmatch(sql) or _TRUNCATE.fullmatch(sql)
    if match is None or _is_script(sql):
        return None
    found = match.groupdict()
    table = match["table"].replace("`", "")
    alias = found.get("alias") or table.rpartition(".")[2]
    return Deletion(table, alias, found.get("condition") or "TRUE")


def may_declare(sql: str) -> bool:
    """Say whether the statement can make, change or drop tables; scripts can, too."""
    return _first_word(sql) not in _READING | _WRITING or _is_script(sql)


def _is_script(sql: str) -> bool:
    return ";" in sql.rstrip().rstrip(";")


def _first_word(sql: str) -> str:
    match = re.search(r"^(?:\s|\(|--[^\n]*\n)*(\w+)", sql)
    return match[1].upper() if match else ""
