"""A world around the sandbox's Salesloft: the product in processes of its own, the service in this one."""

import contextlib
import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import requests

from destinations.sandbox.salesloft import SCOPES, Salesloft
from destinations.sandbox.salesloft_lookups import CLIENT_ID, CLIENT_SECRET
from destinations.sandbox.salesloft_state import Token
from destinations.sandbox.service import API_KEY, Seen
from tests.chaos.world import World

CONFIGURATION = """\
team: acme
sources:
  files: {{type: duckdb, path: "."}}
models:
  rows: {{source: files, sql: "select * from read_csv('rows.csv', all_varchar = true)", primary_key: id}}
  others: {{source: files, sql: "select * from read_csv('others.csv', all_varchar = true)", primary_key: id}}
connections:
  salesloft:
    destination: salesloft
    {credentials}
    base_url: "{base_url}"
    sign_in_url: "{base_url}"
    poll_seconds: 0.2
    settle_seconds: 1
{options}
syncs:
  rows: {{model: rows, connection: salesloft, {facts}, mapping: {{{key}: key, {other}: value}}}}
  others: {{model: others, connection: salesloft, {facts}, mapping: {{{key}: key, {other}: value}}}}
"""


# Requests in flight at once; and those whose answer is there and not yet written down, as many as wait ahead.
IN_HAND = 4 + 2 * 4


def emails(count: int) -> list[str]:
    return [f"p{number}@x{number % 97}.test" for number in range(count)]


def domains(count: int) -> list[str]:
    return [f"company{number}.test" for number in range(count)]


# Crowds that are sent for the first time, and nobody there to approve of it.
APPLY = """
from django.core.management import call_command
from syncs.engine.brakes import NONE
from syncs.models import Sync
call_command("apply", %r, no_test=True)
Sync.objects.update(brakes=NONE)
"""
BY_KEY = 'api_key: "${SALESLOFT_API_KEY}"'
BY_APP = 'client_id: "${SALESLOFT_APP}"\n    client_secret: "${SALESLOFT_SECRET}"'
ENVIRONMENT = {
    "SALESLOFT_API_KEY": API_KEY,
    "SALESLOFT_APP": CLIENT_ID,
    "SALESLOFT_SECRET": CLIENT_SECRET,
}
STORE = """
from destinations import oauth
from destinations.models import Connection
oauth.store(Connection.objects.get(), dict(access_token=%r, refresh_token=%r, expires_in=%r))
"""


@dataclass
class Beside:
    """The service, as far as a world needs it: it runs in this process."""

    service: Salesloft

    @property
    def url(self) -> str:
        return self.service.url

    def stop(self) -> None:
        """Its owner does that."""


@dataclass
class SalesloftWorld(World):
    """`object_key` people or accounts. `keys` are what the file holds, one row each."""

    object_key: str = "people"
    mode: str = "upsert"
    options: str = ""
    keys: Sequence[str] = ()
    value: str = "VP"
    credentials: str = BY_KEY
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))
    sync: str = "rows"

    @property
    def service(self) -> Salesloft:
        beside: Any = self.stand_in
        found: Salesloft = beside.service
        return found

    def write_rows(self) -> None:
        self.write_file("rows.csv", self.keys)
        self.write_file("others.csv", self.keys[:1])

    def write_file(self, name: str, keys: Sequence[str]) -> None:
        with Path(self.folder / "files" / name).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("id", "key", "value"))
            rows.writerows((number, key, self.value) for number, key in enumerate(keys))

    def write_configuration(self, text: str = CONFIGURATION) -> None:
        key, other = ("email_address", "title") if self.object_key == "people" else ("domain", "name")
        facts = f"object: {self.object_key}, mode: {self.mode}, upsert_key: {key}"
        options = "".join(f"    {line}\n" for line in self.options.splitlines())
        filled = text.format(
            base_url=self.service.url,
            credentials=self.credentials,
            options=options,
            facts=facts,
            key=key,
            other=other,
        )
        (self.folder / "syncs.yaml").write_text(filled)

    def apply(self) -> None:
        self.manage("shell", "-v", "0", "-c", APPLY % str(self.folder / "syncs.yaml"))

    def begin(self, sync: str = "rows") -> Any:
        """A run in the foreground, in a process of its own."""
        return self.start("run", sync, "--json", log=f"run-{sync}-{time.monotonic_ns()}")

    def end(self, sync: str = "rows", *, expect: Sequence[int] = (0, 1)) -> dict[str, Any]:
        """A run to its end: what `--json` printed."""
        done = self.manage("run", sync, "--json", expect=expect)
        found: dict[str, Any] = orjson.loads(done.stdout)
        return found

    def run_and_kill(self, when: Callable[[], bool], sync: str = "rows", *, seconds: float = 200) -> bool:
        """Run, and kill -9 as soon as it is time. False: the run ended before."""
        process = self.begin(sync)
        until = time.monotonic() + seconds
        while process.poll() is None:
            if when():
                process.kill()
                process.wait()
                self.noted("kill")
                return True
            assert time.monotonic() < until, self.tail()
            time.sleep(0.001)
        return False

    def sign_in(self, seconds: float) -> None:
        """What comes of a person's sign-in: both know tokens of which the first lives so long."""
        number, now = len(self.service.state.tokens(limit=9)) + 1, self.service.clock.now()
        access, refresh = f"access-{number}", f"refresh-{number}"
        given = Token(
            id=0,
            grant_id=0,
            access=access,
            refresh=refresh,
            client_id=CLIENT_ID,
            user_id=1,
            scopes=SCOPES,
            created_at=now,
            expires_at=now + seconds,
            access_revoked=False,
            refresh_revoked=False,
        )
        self.service.state.save_token(given)
        self.manage("shell", "-c", STORE % (access, refresh, seconds))

    # The service

    def request_count(self) -> int:
        return len(self.service.requests)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        self.service.act("keys/remove", key=API_KEY)
        try:
            yield
        finally:
            self.service.add_key(API_KEY, *self.service.scopes)

    def insert(self, keys: Sequence[str]) -> None:
        """Have people there who were not sent by the product."""
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = f"Bearer {API_KEY}"
            for key in keys:
                person = {"email_address": key, "title": "Old"}
                session.post(f"{self.service.url}/v2/people", json=person, timeout=10).raise_for_status()

    def seen(self, method: str, path: str, *, after: int = 0) -> list[Seen]:
        return [
            one
            for one in list(self.service.requests)[after:]
            if one.method == method and one.path.startswith(path)
        ]

    def stored(self) -> Counter[str]:
        """How often each key is there."""
        return Counter(str(one.match_key) for one in self.records())

    def rewritten(self) -> int:
        """How many writes there were beyond the first of each record."""
        return sum(one.write_count - 1 for one in self.records())

    def records(self) -> list[Any]:
        return self.service.people() if self.object_key == "people" else self.service.accounts()

    def told(self, *, ever: bool = False) -> set[str]:
        """Keys of rows that need attention or are in doubt, by the last run, or by any."""
        since = 0 if ever else self.runs()[-1]["id"]
        rows = self.query(f"select distinct match_key from syncs_rejectedrow where run_id >= {int(since)}")
        return {row["match_key"] for row in rows}
