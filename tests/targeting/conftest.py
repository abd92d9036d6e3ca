"""Fixtures that several rooms of targeting share."""

from short_roads import short_road

__all__ = ["short_road"]
