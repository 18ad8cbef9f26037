"""Runs the command line as `python -m imagecache_cli`."""

import sys

from imagecache_cli.app import main

sys.exit(main())
