"""Search and replace in texts: what a model may change without repeating a file."""
