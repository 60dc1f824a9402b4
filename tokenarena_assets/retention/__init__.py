"""What is kept for how long: texts may expire before numbers, and what expired is recorded."""
