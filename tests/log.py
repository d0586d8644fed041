"""Listening to the log as the product writes it."""

import io
import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from syncadmin.lib import logs


@contextmanager
def logged(form: str, *, level: str = "DEBUG") -> Iterator[io.StringIO]:
    """What is written at this level, in this form, while this lasts."""
    root, stream = logging.getLogger(), io.StringIO()
    before = list(root.handlers)
    wanted: dict[str, Any] = logs.configuration(level=level, queue_level=level, form=form)
    wanted["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(wanted)
    try:
        yield stream
    finally:
        logging.config.dictConfig(settings.LOGGING)
        root.handlers[:] = before
