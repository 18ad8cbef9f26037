"""A module that starts a process of its own and waits, as the engine does with its functions."""

import os
import subprocess
import sys
import time

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
sys.stdout.write(f"{os.getpid()} {child.pid}\n")
sys.stdout.flush()
time.sleep(600)
