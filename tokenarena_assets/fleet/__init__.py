"""The embedded default: local endpoints that serve our own small models with real inference."""
