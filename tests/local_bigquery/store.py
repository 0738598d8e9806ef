"""What the server itself must remember: JSON documents in one SQLite file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
import sqlite3
from typing import Any

import orjson

type Document = dict[str, Any]


class Store:
    """Documents by kind and key; every change is kept when the process is killed."""

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        # A killed process loses nothing this way; only a machine that loses power could.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (kind TEXT, key TEXT, body BLOB, PRIMARY KEY (kind, key))"
        )

    def put(
        self, kind: str, documents: Mapping[str, Document], drop: tuple[str, str] = ("", "")
    ) -> None:
        """Write documents of one kind and drop one (kind, key), all or nothing."""
        self.put_all({kind: documents}, drop)

    def put_all(
        self,
        documents: Mapping[str, Mapping[str, Document]],
        drop: tuple[str, str] = ("", ""),
    ) -> None:
        """Write documents by kind and key and drop one (kind, key), all or nothing."""
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
                [
                    (kind, key, orjson.dumps(body))
                    for kind, bodies in documents.items()
                    for key, body in bodies.items()
                ],
            )
            self._connection.execute("DELETE FROM documents WHERE kind = ? AND key = ?", drop)

    def drop(self, kind: str, key: str) -> None:
        """Forget a document."""
        self._connection.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def drop_before(self, kind: str, key: str) -> None:
        """Forget the documents of a kind whose keys come before this one."""
        self._connection.execute("DELETE FROM documents WHERE kind = ? AND key < ?", (kind, key))

    def drop_all(self, kind: str) -> None:
        """Forget all documents of a kind."""
        self._connection.execute("DELETE FROM documents WHERE kind = ?", (kind,))

    def all(self, kind: str) -> Iterator[tuple[str, Document]]:
        """Yield every document of a kind, in the order of their keys."""
        rows = self._connection.execute(
            "SELECT key, body FROM documents WHERE kind = ? ORDER BY key", (kind,)
        ).fetchall()
        for key, body in rows:
            yield key, orjson.loads(body)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
