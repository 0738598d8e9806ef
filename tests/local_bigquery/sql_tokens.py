"""The words of a statement, as far as they tell which tables it reads, and how."""

from collections.abc import Iterator
from itertools import pairwise
import re

type Tokens = list[str | Tokens]

TOKEN = re.compile(
    r"(?P<left_out>\s+|--[^\n]*|#[^\n]*|/\*.*?\*/)"
    r"|'(?:\\.|[^'\\])*'"
    r'|"(?:\\.|[^"\\])*"'
    r"|(?:`[^`]*`|\w+)(?:\.(?:`[^`]*`|\w+))*"
    r"|<=|>=|!=|<>|.",
    re.DOTALL,
)
SET_OPERATORS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_CLAUSES = frozenset({"FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "WINDOW", "ORDER", "LIMIT"})
_BEFORE_TABLE = frozenset({"FROM", "JOIN", ","})


def tree(sql: str) -> Tokens:
    """Return the tokens of a statement; those in parentheses are a list of their own."""
    stack: list[Tokens] = [[]]
    for match in TOKEN.finditer(sql):
        text = match[0]
        if match["left_out"]:
            continue
        if text == "(":
            stack.append([])
        elif text == ")" and len(stack) > 1:
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            stack[-1].append(text.replace("`", ""))
    return stack[0]


def split(tokens: Tokens, words: frozenset[str] | set[str]) -> list[Tokens]:
    """Return the parts of a list of tokens between some words."""
    parts: list[Tokens] = [[]]
    for token in tokens:
        if word(token) in words:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def clause(select: Tokens, name: str) -> Tokens:
    """Return what stands between the word of a clause and the next one."""
    inside = False
    found: Tokens = []
    for token in select:
        if word(token) in _CLAUSES:
            inside = word(token) == name
            if inside:
                found.append(token)
        elif inside:
            found.append(token)
    return found


def conditions(select: Tokens) -> list[Tokens]:
    """Return the conditions of a WHERE that must all be true; none if there is an OR."""
    found = split(clause(select, "WHERE")[1:], {"AND"})
    if any(word(token) == "OR" for condition in found for token in condition):
        return []
    return found


def tables(select: Tokens) -> Iterator[str]:
    """Yield the names behind FROM, JOIN and commas, those of common table expressions, too."""
    for before, token in pairwise(clause(select, "FROM")):
        if word(before) in _BEFORE_TABLE and isinstance(token, str):
            yield token


def word(token: str | Tokens) -> str:
    """Return a token in capital letters, or nothing for what is in parentheses."""
    return token.upper() if isinstance(token, str) else ""


def flat(tokens: Tokens) -> Iterator[str]:
    """Yield all tokens, without parentheses."""
    for token in tokens:
        if isinstance(token, str):
            yield token
        else:
            yield from flat(token)
