"""What a server is told: where it listens, who may ask, and how much it takes on at once."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from pathlib import Path

from regraft.errors import InputError


@dataclass(frozen=True)
class ServerSettings:
    """The limits of a server, each far above what an honest client needs.

    Attributes:
        host: the address it listens on.
        port: the port; 0 takes a free one.
        token: what clients must send as `Authorization: Bearer`; None lets everyone in.
        max_batch: images in one forward pass.
        queue: images of a model accepted and not yet answered; what comes beyond is refused with 429.
        timeout: seconds from accepting a request to its answer, then 504; and for its body, then 408.
        max_body: bytes of a request's body, packed and unpacked; beyond, 413.
        max_held: bytes of the bodies of all requests in work; beyond, 429.
        max_pixels: of one picture, looked up in its header before anything is decoded.
        max_images: in one request.
        corrections: the folder for corrections given on the page; None takes none.
        watch: seconds between two looks at the run folders; 0 never looks.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    max_batch: int = 16
    queue: int = 256
    timeout: float = 30.0
    max_body: int = 32 * 1024**2
    max_held: int = 512 * 1024**2
    max_pixels: int = 50_000_000
    max_images: int = 64
    corrections: Path | None = None
    watch: float = 1.0

    def __post_init__(self) -> None:
        for name in ("max_batch", "queue", "max_body", "max_held", "max_pixels", "max_images"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"A server needs a {name} of its own.", expected="at least 1", received=str(getattr(self, name))
                )
        if not 0 < self.timeout < math.inf:  # which nan is not, either
            raise InputError(
                "A request needs some time, and an end of it.",
                expected="a number of seconds greater than 0",
                received=f"{self.timeout:g} seconds",
            )
        if self.token is not None and (not self.token or not self.token.isascii() or not self.token.isprintable()):
            raise InputError(
                "That token cannot be sent in a header.",
                expected="printable ASCII characters",
                received="nothing" if not self.token else "other characters",  # the token itself is never shown
            )

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
