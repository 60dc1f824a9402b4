"""The version of what is asked: part of every seed, so that another version asks something else."""

SUITE_VERSION = "2026.11"
