"""How fast runs are, beside a hand-written floor and other engines: `python -m tests.benchmarks`."""
