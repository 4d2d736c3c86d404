"""A real llama.cpp server on a tiny model with random weights: real protocol, meaningless words."""
