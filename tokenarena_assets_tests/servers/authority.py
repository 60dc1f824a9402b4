"""A certificate authority for tests: TLS servers whose certificates are good, expired, or of another host."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """Issues certificates; `path` is the file of its own one, which a client must trust."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self._ca = trustme.CA()
        self.path = folder / f"{name.replace(' ', '-')}.pem"
        self._ca.cert_pem.write_to_path(self.path)

    def server(self, *, address: str = "127.0.0.1", valid_days: tuple[int, int] = (-1, 1)) -> ssl.SSLContext:
        """The context of a server at `address` whose certificate is valid between those days from now."""
        start, end = (datetime.now(UTC) + timedelta(days=days) for days in valid_days)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ca.issue_cert(address, not_before=start, not_after=end).configure_cert(context)
        return context
