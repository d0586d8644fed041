"""What `manage.py up` runs."""

import sys

from django.conf import settings

from syncadmin.supervisor.processes import Service

MANAGE = str(settings.BASE_DIR / "manage.py")


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
        *("--log-level", "warning", "--logger-class", "syncadmin.supervisor.web_log.WebLog"),
    )
    return Service("web", argv, answers_at=(_knock(address), port))


def worker() -> Service:
    return Service("worker", (sys.executable, MANAGE, "qcluster"))


def sandbox() -> Service:
    argv = (sys.executable, MANAGE, "sandbox", "--port", str(settings.SANDBOX_PORT))
    return Service("sandbox", argv, answers_at=("127.0.0.1", settings.SANDBOX_PORT))


def _knock(address: str) -> str:
    """Where to knock: an address that means all of this machine's is reached on the loopback."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104  nothing is bound here
