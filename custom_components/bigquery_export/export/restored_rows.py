"""Rows that came back from BigQuery into the recorder: it has them, so they are not sent again.

They have new ids, perhaps another unit, another name, or were exported by another installation. So
what is remembered is which ids they have, and under which names BigQuery has them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from .recent_commits import EVERYTHING

type RestoredByTable = Mapping[str, Sequence[RestoredRows]]


@dataclass(frozen=True, slots=True)
class RestoredRows:
    """Rows of the recorder with `after` < id <= `until`, as far as BigQuery has them."""

    after: int
    until: int = EVERYTHING
    """While a restore is not done, all newer rows may be its rows."""
    source: str = ""
    """The installation that exported them; empty for this one."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """The names that they have now by those in BigQuery, where these differ."""

    def has(self, id_: int) -> bool:
        """Return whether a row with this id may be among them."""
        return self.after < id_ <= self.until

    @property
    def is_open(self) -> bool:
        """Return whether the restore is not done."""
        return self.until == EVERYTHING

    @property
    def has_names(self) -> bool:
        """Return whether BigQuery has them under other names, or of another installation."""
        return bool(self.source or self.renames)

    def without_ids(self) -> Self:
        """Return the same names with no ids: the recorder's history is another one."""
        return replace(self, after=0, until=0)

    def names(self, source: str, name: str, own: str) -> Iterator[str]:
        """Yield the name that a row of BigQuery has here, if it is one of these.

        `own` is this installation.
        """
        if source == (self.source or own):
            renamed = self.renames.get(name)
            if renamed or self.source:
                yield renamed or name


def begun(rows: Sequence[RestoredRows], new: RestoredRows) -> tuple[RestoredRows, ...]:
    """Return what is known with a restore that begins, or goes on."""
    same = [one for one in rows if (one.source, one.renames) == (new.source, new.renames)]
    if any(one.is_open for one in same):
        return tuple(rows)
    # What has neither ids nor names says nothing; nor do names that are said again.
    return (*(one for one in rows if one.until or (one.has_names and one not in same)), new)


def ended(rows: Sequence[RestoredRows], newest: int) -> tuple[RestoredRows, ...]:
    """Return what is known when a restore has ended: no row behind `newest` is one of its rows."""
    return tuple(replace(one, until=newest) if one.is_open else one for one in rows)


def passed(rows: Sequence[RestoredRows], cursor: int) -> tuple[RestoredRows, ...]:
    """Return what is still to be known when all rows up to an id were looked at by an export."""
    done = [one.without_ids() if one.until <= cursor else one for one in rows]
    return tuple(one for one in done if one.until or one.has_names)


def restored_from_json(data: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the rows by table, as a file has them."""
    return {table: tuple(RestoredRows(**rows) for rows in found) for table, found in data.items()}
