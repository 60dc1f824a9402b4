"""Raw rows into requests, and what is no evidence into quarantine."""
