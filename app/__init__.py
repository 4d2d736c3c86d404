"""Workbench: an epic goes in, a tested commit comes out."""

__version__ = "0.1.0"
