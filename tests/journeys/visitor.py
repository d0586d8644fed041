"""Somebody in front of a browser. What goes wrong there unseen (console, scripts, strays) is noted."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

from tests.journeys.installation import PASSWORD, Installation

PATIENCE = 120_000  # milliseconds for what workers do; pages are much faster
SMALL, LARGE = {"width": 390, "height": 844}, {"width": 1440, "height": 900}

expect.set_options(timeout=PATIENCE)


@dataclass
class Visitor:
    site: Installation
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    page: Page = field(default=None)  # type: ignore[assignment]  # a new one

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE / 3)
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.complaints.append(f"Script: {error.error}"))
        self.context.on("request", self._watch)
        self.page = self.page or self.context.new_page()

    def _hear(self, message: ConsoleMessage) -> None:
        # A page that answers 4xx or 5xx on purpose is a line in the console too; tests look at those pages.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"Console: {message.text}")

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((self.site.url, "data:", "blob:", "about:")):
            self.complaints.append(f"It asked {request.url}")

    # Where they go

    def open(self, path: str) -> int:
        """Open a page of the site; the status that it answers with."""
        reply = self.page.goto(path if path.startswith("http") else self.site.url + path)
        assert reply is not None
        return reply.status

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def sign_in(self, email: str) -> None:
        """From the sign-in page, where they are or which they open."""
        if not self.path.startswith("/login/"):
            self.open("/login/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.go("Sign in")

    def send(self, path: str) -> int:
        """Send an empty form there with the token of their own pages, as a page may not offer it."""
        return int(
            self.page.evaluate(
                """async (path) => {
                    const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
                    const headers = {"X-CSRFToken": token};
                    return (await fetch(path, {method: "POST", headers, redirect: "manual"})).status;
                }""",
                path,
            )
        )

    # What they do

    def press(self, name: str, *, exact: bool = True) -> None:
        """Press the button, or follow the link that looks like one."""
        page = self.page
        page.get_by_role("button", name=name, exact=exact).or_(
            page.get_by_role("link", name=name, exact=exact)
        ).click()

    def go(self, name: str, *, exact: bool = True) -> None:
        """Press it, and wait for the page that it leads to: the one before says things too."""
        with self.page.expect_navigation():
            self.press(name, exact=exact)

    def press_until(self, name: str, text: str) -> None:
        """As people do whose browser runs no scripts: press it again and again until the page says so."""
        end = time.monotonic() + PATIENCE / 1000
        while text not in self.says():
            assert time.monotonic() < end, self.says()
            self.go(name)

    def follow(self, name: str, *, within: str = "") -> None:
        """Follow the link; `within` names the landmark or list that it is in."""
        place = self.page.get_by_role("navigation", name=within) if within else self.page
        place.get_by_role("link", name=name, exact=True).click()

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def upload(self, label: str, path: Path) -> None:
        self.page.get_by_label(label).set_input_files(path)

    # What they see

    def is_at(self, title: str) -> None:
        """Wait until the page of this title is there."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)

    def sees(self, text: str) -> None:
        """Wait until the page says so."""
        expect(self.page.locator("body")).to_contain_text(text, use_inner_text=True)

    def says(self) -> str:
        """All that the page says now."""
        return self.page.locator("body").inner_text()

    def total(self, name: str) -> int:
        """One of the numbers on a run's page, a count's or the overview's."""
        term = self.page.locator(".totals > *", has=self.page.locator("dt", has_text=name))
        return int(term.locator("dd").first.inner_text().replace(",", ""))

    def buttons(self) -> list[str]:
        """What can be pressed, the frame of the page aside."""
        found = self.page.locator("main :is(button, a.button)")
        return [text.strip() for text in found.all_inner_texts()]

    def links(self) -> list[str]:
        """Where the links of the page lead to on this site, each once."""
        here = "[...document.links].filter(link => link.origin === location.origin)"
        found = self.page.evaluate(f"{here}.map(link => link.pathname + link.search)")
        return list(dict.fromkeys(found))

    def wait_until_over(self, statuses: Iterable[str] = ("Succeeded", "Needs attention", "Stopped")) -> None:
        """Wait on a run's page for its end, without touching anything."""
        state = self.page.locator("p.state .badge")
        expect(state).to_have_text(_any_of(statuses))


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in words))
