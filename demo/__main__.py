"""Serves the demo account until SIGTERM or SIGINT: `python -m demo --port P --media-port M`.

The environment variable DEMO_CONTROL_TOKEN sets the token of the endpoints below `/_demo/`. It is not an
option, because all users of a machine can read the options of a process.
"""

import argparse
import os
import signal
import sys
from datetime import UTC, datetime
from threading import Event

from demo.service import BEEPER_TOKEN, MEDIA_TOKEN, DemoAccount


def main() -> None:
    options = _read_options()
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        demo = DemoAccount(
            seed=options.seed,
            scale=options.scale,
            # The newest chats are then of today, as in an account that is in use. The wire has milliseconds.
            now=datetime.now(UTC).replace(microsecond=0),
            port=options.port,
            media_port=options.media_port,
            beeper_token=options.token,
            media_token=options.media_token,
            control_token=os.environ.get("DEMO_CONTROL_TOKEN"),
            is_old=options.old_server,
        )
    except OSError as error:
        sys.exit(f"demo account: cannot listen on port {options.port} or {options.media_port}: {error}")
    with demo:
        stopped.wait()


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the port of the chat API")
    parser.add_argument("--media-port", type=int, required=True, help="the port of the media server")
    parser.add_argument("--seed", type=int, default=7, help="a different seed invents different people")
    parser.add_argument("--scale", type=float, default=1.0, help="2 invents twice as many chats")
    parser.add_argument(
        "--old-server", action="store_true", help="answer like a Beeper that is older than unions"
    )
    parser.add_argument("--token", default=BEEPER_TOKEN, help="the token of the chat API")
    parser.add_argument("--media-token", default=MEDIA_TOKEN, help="the token of the media server")
    return parser.parse_args()


if __name__ == "__main__":
    main()
