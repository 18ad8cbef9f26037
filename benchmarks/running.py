"""What running processes have used so far, as Linux accounts for them."""

import os
import re
from pathlib import Path


def cpu_seconds(process_id: int) -> float:
    """Returns the CPU time of user and system that a process has used."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


def peak_megabytes() -> int:
    """Returns the largest resident size of this process."""
    # getrusage would return the peak of the parent process, if that is larger.
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024
