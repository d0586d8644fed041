"""The web server's own lines go where all others go, in their form."""

from typing import Any

from gunicorn.glogging import Logger


class WebLog(Logger):
    """gunicorn's log, without a handler and a form of its own."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers = []
        self.error_log.propagate = True
