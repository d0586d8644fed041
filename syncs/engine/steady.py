"""What a loop over very many rows asks of its process."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

NEW_OBJECTS = 50_000  # between two looks of the collector; Python's own default is 700


@contextmanager
def steady() -> Iterator[None]:
    """Let neither the collector of cycles nor Django's log of statements grow with the rows.

    Rows come and go by the thousand and form no cycles: the collector looks less often, and not at what
    was there before. In development Django keeps each statement with its values, which are people's data
    and megabytes each; here it does not (a test that counts statements still can).
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    is_quiet = keep_no_statements()
    try:
        yield
    finally:
        if is_quiet:
            del connection.make_debug_cursor
        gc.set_threshold(*before)
        gc.unfreeze()


def keep_no_statements() -> bool:
    """Let this thread's connection keep no log of statements. False where there is none, or it is wanted."""
    is_kept = settings.DEBUG and not connection.force_debug_cursor
    if is_kept:
        connection.make_debug_cursor = connection.make_cursor  # type: ignore[method-assign, assignment]
    return is_kept
