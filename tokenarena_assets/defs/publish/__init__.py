"""The published database."""
