"""The answer of `/v1/info`, which needs no token."""

from demo.chats import Json
from demo.oauth import ENDPOINTS


def server_info(host: str, version: str) -> Json:
    """Returns the facts about a server at this host, which has a port."""
    base_url = f"http://{host}"
    hostname, _, port = host.partition(":")
    return {
        "app": {"name": "Beeper", "version": version, "bundle_id": "com.example.demo"},
        "platform": {"arch": "arm64", "os": "darwin", "release": "25.0.0"},
        "server": {
            "base_url": base_url,
            "hostname": hostname,
            "port": int(port),
            "status": "running",
            "remote_access": False,
            "mcp_enabled": False,
        },
        "endpoints": {
            "spec": f"{base_url}/v1/spec",
            "mcp": f"{base_url}/v1/mcp",
            "ws_events": f"{base_url}/v1/ws",
            "oauth": {name: base_url + path for name, path in ENDPOINTS.items()},
        },
    }
