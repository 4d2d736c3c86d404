"""A JSON Schema in the words of each server: what it can enforce is kept, what it can not is reported."""
