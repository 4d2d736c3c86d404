"""Whether the ledger agrees with the bill, whatever happens to calls, replies and processes."""
