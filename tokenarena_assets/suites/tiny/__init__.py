"""Templated items within reach of models of a few million parameters: the embedded fleet's tier."""
