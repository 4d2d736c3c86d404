"""The walls of the sandbox by the number of what they stop, tried as root and as an ordinary user."""
