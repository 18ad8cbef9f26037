"""Calls a function of a running `make run` with an event from a file, without Docker.

`python -m tools.invoke ReadFunction events/chats.json` prints the function's answer. The deployed function
runs with the tables of that stack. The exit code is 0 if it answered, 1 if it failed, and 2 if the function,
the file or a running stack is missing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.config import Config as BotoConfig

from imagecache_cli.access import find_engine
from imagecache_cli.errors import SettingsError
from imagecache_migration.deployed_stack import client_maker, physical_name
from local.console import announce, complain
from local.template import ROOT

# The longest time limit of a function is 900 s. A second attempt would call the function again.
_PATIENCE = BotoConfig(proxies={}, read_timeout=920, retries={"total_max_attempts": 1})


def main(arguments: Sequence[str], clone: Path = ROOT) -> int:
    """Calls the function, prints its answer, and returns the exit code. `make run` must run in `clone`."""
    parser = argparse.ArgumentParser(prog="python -m tools.invoke")
    parser.add_argument(
        "function", help="the name of the function in template.yaml, for example ReadFunction"
    )
    parser.add_argument("event", type=Path, help="a JSON file, for example events/chats.json")
    options = parser.parse_args(arguments)
    try:
        event = options.event.read_bytes()
        engine = find_engine(clone)
        make_client = client_maker(engine)
        name = physical_name(engine.stack, options.function, make_client)
    except (OSError, SettingsError) as error:
        complain(str(error))
        return 2
    response = make_client("lambda", config=_PATIENCE).invoke(FunctionName=name, Payload=event)
    answer = response["Payload"].read().decode()
    if "FunctionError" in response:
        complain(answer)
        return 1
    announce(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
