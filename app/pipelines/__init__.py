"""The product: definitions, snapshots, states, and the walk of a run through its phases."""
