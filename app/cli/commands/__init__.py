"""One file per noun: the commands and their options. What they need is imported when they run."""
