"""The files of one run: safe writes, the only calls of git, and the commit."""
