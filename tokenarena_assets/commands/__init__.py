"""Commands of `tokenarena`, one module a part; each registers itself with the application."""
