"""Atelier: pictures made and mended with neural networks."""

__version__ = "0.1.0"
