"""Starts the simulator: `python -m simulator --host 127.0.0.1 --port 8010`."""

import os
import sys

from simulator.server import run
from simulator.settings import read_settings

if __name__ == "__main__":
    run(read_settings(sys.argv[1:], os.environ))
