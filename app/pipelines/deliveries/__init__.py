"""What leaves the service: destinations, the adapters that reach them, and the record of each delivery."""
