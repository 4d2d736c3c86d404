"""Fails every effect of a run, one at a time and in every mode, and looks at what came of the run."""
