"""What `manage.py up` runs."""

import sys

from django.conf import settings

from syncadmin.supervisor.processes import Service

MANAGE = str(settings.BASE_DIR / "manage.py")


def command(name: str, *argv: str, port: int | None = None, once: bool = False) -> Service:
    """A manage.py command as a service."""
    return Service(name, (sys.executable, MANAGE, *argv), port=port, once=once)


def web(address: str, port: int) -> Service:
    host = f"[{address}]" if ":" in address else address
    argv = (
        *(sys.executable, "-m", "gunicorn", "syncadmin.wsgi:application"),
        *("--bind", f"{host}:{port}"),
        *("--workers", str(settings.WEB_WORKERS), "--worker-class", "gthread", "--threads", "4"),
        "--preload",  # the workers share the memory of the code
        *("--timeout", "60", "--graceful-timeout", "20"),
        *("--max-requests", "5000", "--max-requests-jitter", "500"),
        "--no-control-socket",  # it would be shared by all instances of one user
        *("--log-level", "warning"),
    )
    return Service("web", argv, port=port)


def worker() -> Service:
    return command("worker", "qcluster")


def sandbox() -> Service:
    return command("sandbox", "sandbox", port=settings.SANDBOX_PORT)
