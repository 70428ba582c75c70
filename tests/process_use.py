"""What a process has used, as the kernel counts it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Use:
    """Of one process, since it began."""

    processor_seconds: float
    peak_mebibytes: float
    resident_mebibytes: float


def use_of(pid: int) -> Use:
    """What process `pid` has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    peak, resident = (int(status[name].split()[0]) / 1024 for name in ("VmHWM", "VmRSS"))
    return Use(ticks / os.sysconf("SC_CLK_TCK"), peak, resident)
