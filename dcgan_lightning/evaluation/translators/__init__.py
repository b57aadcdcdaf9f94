"""Scores of translated images: one module a system, found by the name of the system's class."""
