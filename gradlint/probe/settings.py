"""How the probe measures, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["cpu", "cuda", "mps"]

DEVICES: tuple[Device, ...] = ("cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """Settings of the probe.

    `seeds` networks are drawn and measured for each network (fewer when one is very large); `steps`
    optimizer steps are taken before measuring; `time_limit` is in seconds for one network; `memory_limit`
    in bytes, beyond what PyTorch itself takes; `live` imports the user's file and measures the real object
    instead of the twin.
    """

    seeds: int = 5
    steps: int = 0
    device: Device = "cpu"
    time_limit: float = 60.0
    memory_limit: int = 4 << 30
    threads: int = 1
    live: bool = False
