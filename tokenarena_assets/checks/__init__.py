"""Data-quality checks of a table: one SQL pass makes a small profile, Great Expectations judges it."""
