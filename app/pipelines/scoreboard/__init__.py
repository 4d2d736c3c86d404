"""How the epics of a project went: what was merged, what it cost, what stood in the way."""
