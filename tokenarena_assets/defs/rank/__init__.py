"""Dollars per correct answer, scorecard and leaderboard."""
