"""What was committed lately: BigQuery may not list such rows yet, though queries see them.

Rows of write streams become part of their partition after a while, of which BigQuery promises no
end (page "Stream data with the Storage Write API"). Until then a list does not tell that they
are not there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EVERYTHING = 1 << 62
"""An id above all others: the rows are not known."""
_KEPT = 3 * 24 * 60 * 60 * 1000
"""Milliseconds; BigQuery speaks of minutes, and of 90 of them in rare cases."""
_MAX_COMMITS = 24


@dataclass(frozen=True, slots=True)
class RecentCommit:
    """A commit of rows with `after` < id <= `until`, or several as if they were one."""

    begun: int
    """Just before the commit, in milliseconds since 1970 by BigQuery's clock."""
    after: int = 0
    until: int = EVERYTHING
    again: bool = True
    """Whether rows may be among them that an export has passed before."""

    def has(self, id_: int) -> bool:
        """Return whether a row with this id may be among them."""
        return self.after < id_ <= self.until

    def with_(self, other: RecentCommit) -> RecentCommit:
        """Return both as one: as late as the later, with the rows of both and all between them."""
        return RecentCommit(
            max(self.begun, other.begun),
            min(self.after, other.after),
            max(self.until, other.until),
            self.again or other.again,
        )


def with_commit(commits: Sequence[RecentCommit], new: RecentCommit) -> tuple[RecentCommit, ...]:
    """Return the commits with another one, without old ones, and as few as are kept."""
    kept = [commit for commit in commits if commit.begun > new.begun - _KEPT] + [new]
    while len(kept) > _MAX_COMMITS:
        index = min(range(len(kept) - 1), key=lambda at: kept[at + 1].begun - kept[at].begun)
        kept[index : index + 2] = [kept[index].with_(kept[index + 1])]
    return tuple(kept)


def last_begun(commits: Iterable[RecentCommit]) -> int:
    """Return when the last of some commits was begun, or 0 if there are none."""
    return max((commit.begun for commit in commits), default=0)
