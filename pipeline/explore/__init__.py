"""Task 1: the data described, and what pre-processing makes of it."""
