"""Rounds of probes: the only step that sends anything."""
