"""Telling the outside of a change."""
