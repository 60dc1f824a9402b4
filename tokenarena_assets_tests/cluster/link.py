"""A line between two hosts: takes packets from one TUN device to another, each after a while, and loses some.

`python link.py NEAR FAR ONE_WAY_MS LOSS SEED`; prints `up` once both devices are there, and ends when its stdin does.
A kernel with netem could do the same; many containers have none, and TUN needs no module but itself.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU = 2048


def device(name: str) -> int:
    """A new TUN device; its file descriptor gives and takes IP packets."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def forward(near: int, far: int, one_way_s: float, loss: float, chance: random.Random) -> None:
    """Carry packets both ways until stdin ends."""
    on_the_way: list[tuple[float, int, int, bytes]] = []
    number = 0
    while True:
        wait = max(0.0, on_the_way[0][0] - time.monotonic()) if on_the_way else 1.0
        ready, _, _ = select.select([near, far, sys.stdin.fileno()], [], [], wait)
        now = time.monotonic()
        for source in ready:
            if source == sys.stdin.fileno():
                return
            for packet in packets(source):
                if chance.random() >= loss:
                    number += 1
                    target = far if source == near else near
                    heapq.heappush(on_the_way, (now + one_way_s, number, target, packet))
        while on_the_way and on_the_way[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(on_the_way)
            try:
                os.write(target, packet)
            except OSError:
                continue  # the device is down: the line is cut, and the packet lost


def packets(source: int) -> list[bytes]:
    """What waits at a device."""
    found: list[bytes] = []
    while len(found) < 64:
        try:
            found.append(os.read(source, MTU))
        except OSError:  # nothing more, or the device is down
            return found
    return found


if __name__ == "__main__":
    near_name, far_name, one_way_ms, lost, seed = sys.argv[1:]
    both = device(near_name), device(far_name)
    print("up", flush=True)
    forward(*both, float(one_way_ms) / 1000, float(lost), random.Random(seed))
