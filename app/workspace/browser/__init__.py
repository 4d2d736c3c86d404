"""Loads pages in a headless browser inside the sandbox, and says what went wrong in them."""
