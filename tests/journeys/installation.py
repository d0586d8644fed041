"""A whole installation for people to visit: pages, workers and sandbox, as `manage.py up` starts them."""

import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests
from django.db import connections

from destinations.sandbox.running import API_KEY
from syncadmin.teams.models import Membership, Team, User
from tests.ports import free_port
from tests.syncadmin.supervisor.instance import Instance

PASSWORD = "correct horse"
ENCRYPTION_KEY = "c2VjcmV0IG9ubHkgaW4gdGhlIHRlc3RzLCAzMiBieXQ="  # encrypts what these tests make up

Result = TypeVar("Result")


@dataclass
class Installation(Instance):
    port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)

    @property
    def alias(self) -> str:
        return f"pages_{self.port}"

    @property
    def env(self) -> dict[str, str]:
        return {
            **super().env,
            "DJANGO_SETTINGS_MODULE": "tests.journeys.settings",
            "DEBUG": "0",
            "BEHIND_TLS": "0",
            "ALLOWED_HOSTS": "127.0.0.1",
            "ENCRYPTION_KEYS": ENCRYPTION_KEY,
            "PORT": str(self.port),
            "SANDBOX": "1",
            "SANDBOX_PORT": str(self.sandbox_port),
            "STUCK_SECONDS": "20",
            "SANDBOX_URL": f"http://127.0.0.1:{self.sandbox_port}",  # for configuration as code
            "SANDBOX_API_KEY": API_KEY,
            "TEAM": "acme-filled",
            "EMAIL_URL": "smtp://127.0.0.1:9",  # nobody is there; the pages behave as where somebody is
            "EMAIL_FROM": "Syncadmin <syncadmin@example.com>",
            **self.environment,
        }

    def stop(self) -> None:
        """As its operator stops it."""
        for process in self.started:
            process.terminate()
            process.wait(120)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self, *options: str) -> None:
        """Start it, and wait until pages, sandbox and workers are there."""
        self.start(*options)
        self.wait(lambda: _answers(f"{self.url}/login/"), "the sign-in page")
        self.wait(lambda: _answers(f"{self._sandbox}/state.json"), "the sandbox")

    # Its people

    def aside(self, act: Callable[[], Result]) -> Result:
        """Do it in a thread: Playwright keeps a loop running in ours, where Django refuses its database."""

        def work() -> Result:
            try:
                return act()
            finally:
                connections[self.alias].close()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result()

    def add_team(self, slug: str, name: str) -> None:
        self.aside(lambda: Team.objects.using(self.alias).create(slug=slug, name=name))

    def add_person(
        self, name: str, team: str, role: Membership.Role = Membership.Role.OWNER, *, is_staff: bool = False
    ) -> str:
        """Their e-mail address."""

        def act() -> str:
            users = User.objects.db_manager(self.alias)
            make = users.create_superuser if is_staff else users.create_user
            user = make(f"{name}@{team}.example", PASSWORD)
            of = Team.objects.using(self.alias).get(slug=team)
            Membership.objects.using(self.alias).create(team=of, user=user, role=role)
            return user.email

        return self.aside(act)

    # What the sandbox was sent

    @property
    def _sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}/__sandbox__"

    def leads(self, emails: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """The leads that the sandbox has by e-mail, all or those of these addresses."""
        rows = requests.get(f"{self._sandbox}/leads.json", timeout=60).json()["data"]
        found = {row["email"]: row for row in rows}
        return found if emails is None else {email: found[email] for email in emails if email in found}

    def tell_sandbox(self, action: str, **form: Any) -> None:
        """Do what its control page can: `tell_sandbox("switches", slow_next=1)`."""
        requests.post(f"{self._sandbox}/{action}", json=form, timeout=60).raise_for_status()


def _answers(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=20) as reply:
            return reply.status == 200
    except OSError:
        return False
