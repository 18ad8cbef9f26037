"""Opens a browser that sends no requests by itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from tools.browser import find_browser

# A browser window of 2026 starts two hidden pages for suggestions below its address bar, which take as much
# time as the tested page. The switch replaces Playwright's own, which has the names after the first two.
_FEATURES_OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints"),
    *("NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
)
# Requests that a browser sends to its maker by itself would look like requests of the page.
_QUIET = [
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
    *("--no-pings", "--disable-domain-reliability", "--disable-client-side-phishing-detection"),
    f"--disable-features={','.join(_FEATURES_OFF)}",
    "--host-resolver-rules=MAP evil.example 127.0.0.1",  # for pages of another address
]

FACE = """chatId => {
  const card = document.querySelector(`a[href="#/chat/${encodeURIComponent(chatId)}"]`);
  const image = card?.querySelector("chat-avatar").shadowRoot.querySelector("img");
  return image?.complete && image.naturalWidth ? image.src : null;
}"""
"""A function of JavaScript that returns the URL of the loaded picture of a chat on a page, or null."""


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Opens a browser until the end of the block. Fails the test if there is none."""
    path = find_browser()
    if not path:
        pytest.fail("There is no Chromium: run `make browser`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_QUIET, chromium_sandbox=False)
        yield browser
        browser.close()
