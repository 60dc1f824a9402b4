"""The steps of the daily chain that are not SQL: pure functions from frames to frames, one module a stage."""
