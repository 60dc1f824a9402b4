"""Blended prices per preset."""
