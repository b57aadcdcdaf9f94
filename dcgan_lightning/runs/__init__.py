"""What runs leave on disk: reading, ranking and comparing it."""
