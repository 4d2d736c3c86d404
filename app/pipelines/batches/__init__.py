"""Batches: up to 100,000 inputs of one definition, worked on a few at a time."""
