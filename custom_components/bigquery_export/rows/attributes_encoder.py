"""Encoding sets of attributes, of which many states share each."""

from collections.abc import Mapping, Sequence
from functools import partial

from ..source.lookup_cache import Ids
from .encoding import Encoding
from .json_objects import json_object
from .privacy import Privacy
from .recorded_values import UNENCODABLE
from .sensor_data import attributes_values

MAX_BYTES = 8 * 1024 * 1024
"""Size of the cache: some 18,000 sets. Others have to be read and encoded again."""
_BESIDES = 140
"""Overhead of each in bytes: two objects, and a place in a dictionary."""


class AttributesEncoder:
    """Encodes sets of attributes for one run, each once as long as it is in the cache.

    missing -> read a piece with those -> learn, of -> missing ...

    The recorder reuses the ids of what it has purged, so the cache must not outlive the run.
    """

    def __init__(self, encoding: Encoding, privacy: Privacy) -> None:
        """Begin with an empty cache."""
        self._encoding = encoding
        self._privacy = privacy
        self._fragments: dict[int | None, bytes] = {}
        """Fragments by attributes_id, the most recently used last."""
        self._brought: Mapping[int, str | None] = {}
        """The texts of the last piece by attributes_id, whether they can be encoded or not."""
        self._bytes = 0
        self._damaged: set[int | None] = set()
        """Ids of attributes that are not sent as the recorder has them."""
        self._damaged_texts: set[str | None] = set()
        """Texts of such that the rows of the last piece have themselves."""

    def missing(self, ids: Ids) -> Ids:
        """Return the ids whose texts have to be read with the next piece."""
        if self._privacy.has_own_rules:
            return ids  # Each entity may send something else of what it shares with others.
        return set(ids).difference(self._fragments)

    def learn(self, ids: Ids, texts: Mapping[int, str | None]) -> None:
        """Encode the texts of a piece whose rows have these ids; remove others if it gets full."""
        known = self._fragments
        for id_ in ids:
            if (fragment := known.pop(id_, None)) is not None:
                known[id_] = fragment
        if self._bytes > MAX_BYTES:
            self._forget_oldest()
        self._brought = texts
        self._damaged_texts.clear()
        for id_, text in texts.items():
            self._learn(id_, text)

    def of(
        self,
        ids: Sequence[int | None],
        texts: Sequence[str | None],
        rules: Sequence[str | None],
    ) -> list[bytes]:
        """Return the fragments of rows: of attributes that they share, or of a row's own text.

        Raises one of `UNENCODABLE` when one cannot be encoded.
        """
        known = self._fragments
        if rules.count(None) == len(rules) and known.keys() >= set(ids):
            return [known[id_] for id_ in ids]
        return [
            known[id_]
            if rule is None and id_ in known
            else self._encode(id_, text if id_ is None else self._brought[id_], rule)
            for id_, text, rule in zip(ids, texts, rules, strict=True)
        ]

    def repaired(
        self,
        ids: Sequence[int],
        attributes_ids: Sequence[int | None],
        texts: Sequence[str | None],
    ) -> list[int]:
        """Return those ids of rows whose attributes are not sent as the recorder has them."""
        if not (self._damaged or self._damaged_texts):
            return []
        return [
            id_
            for id_, attributes_id, text in zip(ids, attributes_ids, texts, strict=True)
            if attributes_id in self._damaged
            or (attributes_id is None and text in self._damaged_texts)
        ]

    def readable(self, id_: int) -> str | None:
        """Return attributes as the recorder has them, or else as they would be sent."""
        if id_ in self._brought:
            return self._brought[id_]
        fragment = self._fragments.get(id_, b"")
        sent: str | None = self._encoding.decode(self._encoding.row(fragment)).get("attributes")
        return sent

    def _learn(self, id_: int, text: str | None) -> None:
        if id_ in self._fragments:
            return
        try:
            fragment = self._encode(id_, text, None)
        except UNENCODABLE:
            return  # The rows that have them are rejected later.
        self._fragments[id_] = fragment
        self._bytes += len(fragment) + _BESIDES

    def _encode(self, id_: int | None, text: str | None, own_rules: str | None) -> bytes:
        attributes = json_object(text)
        if attributes.damaged and id_ is None:
            self._damaged_texts.add(text)
        elif attributes.damaged:
            self._damaged.add(id_)
        allowed = partial(self._privacy.attributes, own_rules)
        return self._encoding.fragment(attributes_values(attributes, allowed))

    def _forget_oldest(self) -> None:
        """Remove a little more than necessary, as finding the oldest takes time."""
        forgotten = []
        for id_, fragment in self._fragments.items():
            if self._bytes <= MAX_BYTES * 15 // 16:
                break
            forgotten.append(id_)
            self._bytes -= len(fragment) + _BESIDES
        for id_ in forgotten:
            del self._fragments[id_]
