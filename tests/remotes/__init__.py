"""Real git remotes on this machine: over smart HTTP with a password, and over ssh."""
