"""A client for the demo servers, and a clock that tests move."""

import re
from typing import Any
from urllib.parse import urlsplit

import requests

# The headers with which a browser opens a page after a click on another page of this machine.
NAVIGATION = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def decide(page: requests.Response, answer: str) -> str:
    """Presses a button of Beeper's page, "allow" or "deny", and returns where the browser is led."""
    consent = re.search(r'name="consent" value="([^"]+)"', page.text)
    assert consent
    sent = requests.post(
        page.url,
        data={"consent": consent[1], "answer": answer},
        headers={**NAVIGATION, "Origin": f"http://{urlsplit(page.url).netloc}"},
        allow_redirects=False,
        timeout=60,
    )
    assert sent.status_code == 303
    return sent.headers["Location"]


class Clock:
    """A monotonic clock in seconds that stands still until a test changes `now`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Sends requests with the token of its server, or with the one that `use_token` sets."""

    def __init__(self, url: str, token: str, control_token: str = "") -> None:
        self.url = url
        self._control = {"Authorization": f"Bearer {control_token}"}
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return self._session.get(self.url + path, params=parameters, timeout=60)

    def send(self, method: str, path: str) -> requests.Response:
        return self._session.request(method, self.url + path, timeout=60)

    def control(self, path: str, **body: Any) -> requests.Response:
        """Changes the demo account by one of its control endpoints."""
        return self._session.post(f"{self.url}/_demo/{path}", json=body, headers=self._control, timeout=60)

    def report(self, path: str) -> requests.Response:
        """Returns a report of one of the demo account's control endpoints."""
        return self._session.get(f"{self.url}/_demo/{path}", headers=self._control, timeout=60)

    def use_token(self, token: str) -> None:
        self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._session.close()
