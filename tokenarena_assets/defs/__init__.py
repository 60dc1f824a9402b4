"""All that Dagster sees, one folder per stage of the chain; the methods behind it import no Dagster."""

import warnings

import dagster as dg

# Three features that we rely on and test are still marked as young; the notes would drown what a person must read.
warnings.filterwarnings("ignore", message=".*`backfill_policy`", category=dg.BetaWarning)
warnings.filterwarnings("ignore", message=".*`allow_nonexistent_upstream_partitions`", category=dg.BetaWarning)
warnings.filterwarnings("ignore", message=".*partitions_def on an AssetCheckSpec", category=dg.PreviewWarning)
