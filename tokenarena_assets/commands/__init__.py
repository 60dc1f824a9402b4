"""The commands, one module a part; what takes time to import is imported inside the functions."""
