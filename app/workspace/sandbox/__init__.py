"""Runs a project's commands where they can reach nothing else, and judges what they prove."""
