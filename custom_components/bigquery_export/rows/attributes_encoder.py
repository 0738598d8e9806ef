"""Encoding sets of attributes, of which many states share each."""

from collections.abc import Mapping, Sequence
from functools import partial

from ..source.lookup_cache import Ids
from .encoding import Encoding
from .privacy import Privacy
from .sensor_data import attributes_values

MAX_BYTES = 8 * 1024 * 1024
"""How much is remembered: some 18,000 sets. What is forgotten has to be read and encoded again."""
_BESIDES = 140
"""Bytes that each takes besides its own: two objects, and a place in a dictionary."""


class AttributesEncoder:
    """Encodes sets of attributes for one run, each once as long as it is remembered.

    missing -> read a piece with those -> learn, of -> missing ...

    The recorder re-uses the ids of what it has purged, so they must not outlive the run.
    """

    def __init__(self, encoding: Encoding, privacy: Privacy) -> None:
        """Remember nothing yet."""
        self._encoding = encoding
        self._privacy = privacy
        self._fragments: dict[int | None, bytes] = {}
        """Fragments by attributes_id, those that were needed last at the end."""
        self._brought: Mapping[int, str | None] = {}
        """What the last piece has brought, whether it can be encoded or not."""
        self._bytes = 0

    def missing(self, ids: Ids) -> Ids:
        """Return which of these a piece has to bring."""
        if self._privacy.has_own_rules:
            return ids  # Each entity may send something else of what it shares with others.
        return set(ids).difference(self._fragments)

    def learn(self, ids: Ids, texts: Mapping[int, str | None]) -> None:
        """Encode what a piece brings, whose rows need these; forget others if it gets too much."""
        known = self._fragments
        for id_ in ids:
            if (fragment := known.pop(id_, None)) is not None:
                known[id_] = fragment
        if self._bytes > MAX_BYTES:
            self._forget_oldest()
        self._brought = texts
        for id_, text in texts.items():
            self._learn(id_, text)

    def of(
        self,
        ids: Sequence[int | None],
        texts: Sequence[str | None],
        rules: Sequence[str | None],
    ) -> list[bytes]:
        """Return the fragments of rows: of attributes that they share, or of a row's own text.

        Raises ValueError, TypeError or OverflowError when one cannot be encoded.
        """
        known = self._fragments
        if rules.count(None) == len(rules) and known.keys() >= set(ids):
            return [known[id_] for id_ in ids]
        return [
            known[id_]
            if rule is None and id_ in known
            else self._encode(text if id_ is None else self._brought[id_], rule)
            for id_, text, rule in zip(ids, texts, rules, strict=True)
        ]

    def readable(self, id_: int) -> str | None:
        """Return attributes, at least as they would be sent."""
        if id_ in self._brought:
            return self._brought[id_]
        fragment = self._fragments.get(id_, b"")
        sent: str | None = self._encoding.decode(self._encoding.row(fragment)).get("attributes")
        return sent

    def _learn(self, id_: int, text: str | None) -> None:
        if id_ in self._fragments:
            return
        try:
            fragment = self._encode(text, None)
        except ValueError, TypeError, OverflowError:
            return  # The rows that have them will say so.
        self._fragments[id_] = fragment
        self._bytes += len(fragment) + _BESIDES

    def _encode(self, text: str | None, own_rules: str | None) -> bytes:
        allowed = partial(self._privacy.attributes, own_rules)
        return self._encoding.fragment(attributes_values(text, allowed))

    def _forget_oldest(self) -> None:
        """Forget a little more than is necessary, as it is looked for from the beginning."""
        forgotten = []
        for id_, fragment in self._fragments.items():
            if self._bytes <= MAX_BYTES * 15 // 16:
                break
            forgotten.append(id_)
            self._bytes -= len(fragment) + _BESIDES
        for id_ in forgotten:
            del self._fragments[id_]
