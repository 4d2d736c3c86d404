"""Improvements: epics of a project, one after the other, each on the last green commit."""
