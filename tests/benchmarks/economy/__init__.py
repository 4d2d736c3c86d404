"""What three recorded epics cost in tokens, beside the same content as prose and as documents."""
