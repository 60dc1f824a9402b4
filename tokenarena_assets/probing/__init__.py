"""Sends probes to live endpoints and keeps what came back, stamped, as evidence."""

from tokenarena_assets.probing.apis.adapter import Usage
from tokenarena_assets.probing.stream import StreamResult, parse_stream

__all__ = ["StreamResult", "Usage", "parse_stream"]
