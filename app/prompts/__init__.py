"""Role prompts: versioned templates with labels that point at them."""
