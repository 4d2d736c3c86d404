"""The documents that phases produce, one file per schema."""
