"""The browser of these tests: the machine's own Chromium or Chrome, kept from every other machine."""

import os
import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "there is no Chromium or Chrome here to visit the pages with: install one (Debian: apt-get install "
    "chromium), or name its file in CHROMIUM"
)
SWITCHES = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
)


def find() -> str | None:
    """The browser's file: what CHROMIUM names, else what is on the PATH, else none."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch(playwright: Playwright, path: str) -> Browser:
    switches = [*SWITCHES, "--no-sandbox"] if os.geteuid() == 0 else [*SWITCHES]
    return playwright.chromium.launch(executable_path=path, args=switches)
