"""The database goes away in several ways while a worker is in the middle of runs, and comes back."""
