"""Advertised, accepted, served and effective context."""
