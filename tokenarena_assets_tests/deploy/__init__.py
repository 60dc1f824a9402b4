"""What `deploy/` holds."""
