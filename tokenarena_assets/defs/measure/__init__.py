"""Latency, speed and success."""
