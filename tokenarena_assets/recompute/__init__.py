"""From raw evidence to the tables once more, and whether they come out the same."""
