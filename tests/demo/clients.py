"""What the demo tests hold in their hands: a client per server, and a clock."""

from typing import Any

import requests


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Sends the token of its server, until told otherwise."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return self._session.get(self.url + path, params=parameters, timeout=5)

    def send(self, method: str, path: str) -> requests.Response:
        return self._session.request(method, self.url + path, timeout=5)

    def order(self, path: str, **orders: Any) -> requests.Response:
        """Changes the demo account through its control endpoints."""
        return self._session.post(f"{self.url}/_demo/{path}", json=orders, timeout=5)

    def use_token(self, token: str) -> None:
        self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._session.close()
