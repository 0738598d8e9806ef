"""The documentation: pages that follow from declarations, and tests of all others."""

from .generated import pages

__all__ = ["pages"]
