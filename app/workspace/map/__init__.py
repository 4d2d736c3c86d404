"""What a repository has in it, by signatures: read by tree-sitter, kept by blob, ranked for an epic."""
