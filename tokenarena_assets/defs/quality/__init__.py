"""Graded answers and accuracy."""
