"""CRISP: hours of sports video turned into indexed, classified strokes."""

__version__ = "0.1.0"
