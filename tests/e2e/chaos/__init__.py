"""Runs under fire: workers are killed and frozen, Postgres is stopped; then invariants are checked."""
