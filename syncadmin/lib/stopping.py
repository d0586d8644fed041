"""Tells the workers of a pool that it is to stop, so that they end after the share of work in hand.

django-q2 stops on SIGTERM to its main process alone, and a worker hears nothing of it until its task is
done. One byte of memory, shared by everything that is forked after this import, carries the word.
"""

import mmap

_asked = mmap.mmap(-1, 1)


def ask() -> None:
    """The main process was told to stop. Safe in a signal handler."""
    _asked[0] = 1


def is_asked() -> bool:
    """Whether our pool is to stop. Never true outside of one."""
    return _asked[0] == 1
