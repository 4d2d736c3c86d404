"""Orders over HTTP, kept in one JSON file."""
