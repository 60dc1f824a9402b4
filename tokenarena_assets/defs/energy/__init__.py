"""Modeled energy."""
