"""A child that ends with its parent, so that a killed supervisor leaves no orphans. Linux only.

As a program, `python -I -S leash.py PARENT COMMAND…` puts itself on the leash of the process PARENT and then
becomes COMMAND: the kernel sends it SIGTERM when PARENT dies, however it dies. The leash is set here, after
the start, because code between fork and exec is not safe in a program with threads.

As a module, `leash_descendants()` does the same for every process that this one forks, by SIGKILL.

Elsewhere than on Linux both do nothing: there the next `manage.py up` clears what is left over.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def bind_to(parent: int, signum: int) -> None:
    """Have the kernel send us `signum` when our parent dies. If `parent` is gone already, end at once."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def leash_descendants() -> None:
    """End everything that this process forks, and what that forks, as soon as its own parent dies.

    A pool whose main process was killed would go on taking tasks; with this it ends as a whole.
    """
    forking = os.getpid()

    def remember() -> None:
        nonlocal forking
        forking = os.getpid()

    os.register_at_fork(before=remember, after_in_child=lambda: bind_to(forking, signal.SIGKILL))


if __name__ == "__main__":
    bind_to(int(sys.argv[1]), signal.SIGTERM)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  no shell is wanted
