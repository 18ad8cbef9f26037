"""Starts a process, prints both process ids and waits, as the engine does with its functions."""

import os
import subprocess
import sys
import time

started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
sys.stdout.write(f"{os.getpid()} {started.pid}\n")
sys.stdout.flush()
time.sleep(600)
