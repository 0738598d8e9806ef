"""Building edges from one node to several others."""

from collections.abc import Callable, Iterable
import logging

from ..rows.relationships import Edge, Kind, Node, NodeType

_LOGGER = logging.getLogger(__name__)

type Ends = tuple[Kind, NodeType, Iterable[str | None]]
"""The kind of some edges, and the type and ids of the nodes they end at; None is left out."""


def edges_of(start: Node, *ends: Ends) -> list[Edge]:
    """Return the edges from one node to all ends that have an id."""
    return [
        Edge(start, kind, Node(type_, id_))
        for kind, type_, ids in ends
        for id_ in ids
        if id_ and _is_text(id_)
    ]


def _is_text(id_: object) -> bool:
    """Return whether an id is a text of whole characters: attributes may hold anything."""
    return isinstance(id_, str) and id_ == id_.encode(errors="replace").decode()


def entity_edges(entity_id: str, *ends: Ends) -> list[Edge]:
    """Return the edges from an entity to all ends that have an id."""
    return edges_of(Node(NodeType.ENTITY, entity_id), *ends)


def readable_edges(of: str, read: Callable[[], Iterable[Edge]]) -> list[Edge]:
    """Return what `read` returns: no edges where it fails, so that it hides no others.

    Home Assistant and integrations may raise anything when they are asked about a configuration.
    """
    try:
        return list(read())
    except Exception:
        _LOGGER.debug("The relationships of %s cannot be read", of, exc_info=True)
        return []
