"""Limits of model calls across all workers: how many at once, how many a minute, and whose turn it is."""
