"""Tasks for the queue of an installation under test."""

import time

from syncadmin.lib import stopping


def until_asked_to_stop() -> None:
    """Work that looks up between its shares, as `syncs.tasks.work` does."""
    while not stopping.is_asked():
        time.sleep(0.05)
