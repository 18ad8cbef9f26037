"""`python -m demo --port P --media-port M`: serves the demo account until SIGTERM or SIGINT."""

import argparse
import signal
import sys
from threading import Event

from demo.service import BEEPER_TOKEN, MEDIA_TOKEN, DemoAccount


def main() -> None:
    options = _read_options()
    stop = Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        demo = DemoAccount(
            seed=options.seed,
            scale=options.scale,
            port=options.port,
            media_port=options.media_port,
            beeper_token=options.token,
            media_token=options.media_token,
        )
    except OSError as error:
        sys.exit(f"demo account: cannot listen on port {options.port} or {options.media_port}: {error}")
    with demo:
        stop.wait()


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of the chat API")
    parser.add_argument("--media-port", type=int, required=True, help="of the media server")
    parser.add_argument("--seed", type=int, default=7, help="another seed makes other people")
    parser.add_argument("--scale", type=float, default=1.0, help="2 makes twice as many chats")
    parser.add_argument("--token", default=BEEPER_TOKEN, help="of the chat API")
    parser.add_argument("--media-token", default=MEDIA_TOKEN, help="of the media server")
    return parser.parse_args()


if __name__ == "__main__":
    main()
