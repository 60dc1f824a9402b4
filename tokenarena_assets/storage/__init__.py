"""Where evidence and tables live: the raw log, the Parquet lake and the published database."""
