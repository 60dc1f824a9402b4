"""The one Definitions object, which Dagster loads."""

from tokenarena_assets.defs.build import build_defs

defs = build_defs()
