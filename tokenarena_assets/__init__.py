"""TokenArena: measures AI inference endpoints, every day, from raw probes to a leaderboard."""

__version__ = "0.1.0"
