"""The REST surface: HTTP in and out, and no rule of the product."""
