"""Encoding sets of attributes, of which many states share each."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from ..source.lookup_cache import Ids
from .encoding import Encoding
from .json_objects import json_object
from .own_groups import Key
from .own_rows import OwnRows
from .privacy import Privacy
from .recorded_values import UNENCODABLE
from .sensor_data import attributes_columns, sent_attributes

MAX_BYTES = 8 * 1024 * 1024
"""Size of the cache: some 18,000 sets. Others have to be read and encoded again."""
_BESIDES = 140
"""Overhead of each in bytes: two objects, and a place in a dictionary."""


class RowSets(NamedTuple):
    """The sets of attributes of rows: what `AttributesEncoder.of` takes."""

    metadata_ids: Sequence[int | None]
    ids: Sequence[int | None]
    """Of those that rows share."""
    texts: Sequence[str | None]
    """Of those that a row has itself."""
    rules: Sequence[str | None]
    """The entity, if its attributes have privacy rules of their own."""


class AttributesEncoder:
    """Encodes sets of attributes for one run, each once as long as it is in the cache.

    missing -> read a piece with those -> learn, of -> missing ...

    The recorder reuses the ids of what it has purged, so the cache must not outlive the run.
    """

    def __init__(self, encoding: Encoding, privacy: Privacy, own: OwnRows | None = None) -> None:
        """Begin with an empty cache; own columns learn what may be sent of each set."""
        self._encoding = encoding
        self._privacy = privacy
        self._own = own
        self._of_rows: list[Key] = []
        """The keys of sets in the last piece that were encoded for a row each."""
        self._fragments: dict[Key, bytes] = own.attributes.sets if own else {}
        """Fragments by attributes_id, in the order in which they were learned."""
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

    def learn(self, ids: Iterable[int | None], texts: Mapping[int, str | None]) -> None:
        """Encode the texts of a piece whose rows have these ids; remove others if it gets full."""
        if self._size > MAX_BYTES:
            self._forget_oldest(set(ids))
        self._brought = texts
        self._damaged_texts.clear()
        if self._own and self._of_rows:
            self._own.forget(self._of_rows)
        self._of_rows.clear()
        if not (new := [id_ for id_ in texts if id_ not in self._fragments]):
            return
        try:
            self._learn(new)
        except UNENCODABLE:
            for id_ in new:
                with suppress(*UNENCODABLE):  # The rows that have them are rejected later.
                    self._learn([id_])

    def of(self, sets: RowSets) -> list[bytes]:
        """Return the fragments of rows: of attributes that they share, or of a row's own text.

        Raises one of `UNENCODABLE` when one cannot be encoded.
        """
        known = self._fragments
        own = self._own.attributes if self._own and self._own.attributes.are_selective else None
        if not self._privacy.has_own_rules:
            with suppress(KeyError):
                if own:
                    return own.kept(sets.metadata_ids, sets.ids)
                return list(map(known.__getitem__, sets.ids))
        fragments = []
        for id_, text, rule in zip(sets.ids, sets.texts, sets.rules, strict=True):
            if rule is None and id_ in known:
                fragments.append(known[id_])
            else:
                key = _key(id_, text, rule)
                self._of_rows.append(key)
                texts = {id_: text if id_ is None else self._brought[id_]}
                fragments += self._encode(texts, [key], rule)
        if own:
            return own.together(sets.metadata_ids, self.keys(sets), fragments)
        return fragments

    def keys(self, sets: RowSets) -> Sequence[Key]:
        """Return by what own columns know the sets of attributes of rows."""
        if not self._privacy.has_own_rules and None not in sets.ids:
            return sets.ids
        return list(map(_key, sets.ids, sets.texts, sets.rules, strict=True))

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

    @property
    def _size(self) -> int:
        """Return the size of the cache, with what is kept of own columns."""
        return self._bytes + (self._own.attributes.size if self._own else 0)

    def _learn(self, ids: Sequence[int]) -> None:
        """Encode texts of the piece that are not in the cache, all of them together."""
        fragments = self._encode({id_: self._brought[id_] for id_ in ids}, ids, None)
        self._fragments.update(zip(ids, fragments, strict=True))
        self._bytes += sum(map(len, fragments)) + _BESIDES * len(ids)

    def _encode(
        self, texts: Mapping[int | None, str | None], keys: Sequence[Key], own_rules: str | None
    ) -> list[bytes]:
        """Encode texts by attributes_id, which is None for a row's own; own columns learn them."""
        sets = list(map(json_object, texts.values()))
        for id_, attributes in zip(texts, sets, strict=True):
            if attributes.damaged and id_ is None:
                self._damaged_texts.add(texts[id_])
            elif attributes.damaged:
                self._damaged.add(id_)
        allowed = partial(self._privacy.attributes, own_rules)
        sent = sent_attributes(sets, allowed)
        fragments = self._encoding.fragments(attributes_columns(sent))
        if self._own:
            self._own.learn(keys, [one.values for one in sent], fragments)
        return fragments

    def _forget_oldest(self, needed: Ids) -> None:
        """Remove what was learned first, a little more than necessary, as that takes time."""
        excess = self._size - MAX_BYTES * 15 // 16
        forgotten = []
        for id_, fragment in self._fragments.items():
            if excess <= 0:
                break
            if id_ not in needed:
                forgotten.append(id_)
                excess -= len(fragment) + _BESIDES
        for id_ in forgotten:
            self._bytes -= len(self._fragments.pop(id_)) + _BESIDES
        if self._own:
            self._own.forget(forgotten)


def _key(id_: int | None, text: str | None, own_rules: str | None) -> Key:
    """Return by what own columns know a set: by its id, if all rows with that share it."""
    if own_rules is None and id_ is not None:
        return id_
    return own_rules, text if id_ is None else id_
