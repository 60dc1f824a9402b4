"""A folder to publish: evidence, tables, methods and a manifest that proves them."""
