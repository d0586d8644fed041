"""The kinds of targets: which parts people enter, how these become an address of apprise, what of it is
shown. Pure.

An address holds secrets and is kept encrypted. What is shown of it says the service, and of a webhook its
host. Formats: https://appriseit.com/services/ (read 2026-11-21).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, quote, urlencode, urlsplit


class TargetKind(StrEnum):
    EMAIL = "email"
    SLACK = "slack"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    SMS = "sms"
    WEBHOOK = "webhook"
    OTHER = "other"


class AddressWrong(ValueError):
    """A part is not as it must be. The text is for people; `part` is the key of the part."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


@dataclass(frozen=True, slots=True)
class Part:
    """Something that people enter for a kind of target."""

    key: str
    label: str
    help: str = ""
    secret: bool = True
    required: bool = True
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """Where messages go: apprise's address, and what of it may be shown."""

    url: str
    shown: str


@dataclass(frozen=True, slots=True)
class KindFacts:
    """A kind of target as people meet it. `is_asked`: only apprise knows whether an address of it is one."""

    label: str
    help: str
    parts: tuple[Part, ...]
    make: Callable[[Mapping[str, str]], Address]
    is_asked: bool = False


def _slack(parts: Mapping[str, str]) -> Address:
    url = parts["url"]
    if not re.fullmatch(r"https://hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+/?", url):
        raise AddressWrong("url", "It must be like https://hooks.slack.com/services/T…/B…/….")
    return Address(url, "Slack · hooks.slack.com")


def _teams(parts: Mapping[str, str]) -> Address:
    url = parts["url"]
    host = (urlsplit(url).hostname or "").lower()
    known = (".logic.azure.com", ".api.powerplatform.com", ".logic.azure.us")
    if not url.startswith("https://") or not host.endswith(known) or "sig=" not in url:
        raise AddressWrong(
            "url",
            "It must be the whole address of the workflow: https://….logic.azure.com/workflows/…&sig=….",
        )
    return Address(url, f"Microsoft Teams · {host}")


def _pagerduty(parts: Mapping[str, str]) -> Address:
    key, region = parts["key"], parts.get("region") or "us"
    if not re.fullmatch(r"[A-Za-z0-9_+-]{20,64}", key):
        raise AddressWrong("key", "An integration key has 32 letters and digits.")
    asked = urlencode({"action": "map", "region": region, "image": "no"})
    return Address(
        f"pagerduty://{quote(key, safe='')}@events/Syncadmin?{asked}", f"PagerDuty · {region.upper()} service"
    )


def _sms(parts: Mapping[str, str]) -> Address:
    sid, token, sender = parts["sid"], parts["token"], _number(parts, "sender")
    if not re.fullmatch(r"AC[0-9a-f]{32}", sid):
        raise AddressWrong("sid", "An account SID is AC and 32 more digits and letters from a to f.")
    if not re.fullmatch(r"[0-9a-f]{32}", token):
        raise AddressWrong("token", "An auth token has 32 digits and letters from a to f.")
    numbers = [_phone(one, "numbers") for one in re.split(r"[\n,;]+", parts["numbers"]) if one.strip()]
    if not numbers:
        raise AddressWrong("numbers", "Enter at least one number.")
    if len(numbers) > 20:
        raise AddressWrong("numbers", "Enter at most 20 numbers.")
    to = "/".join(numbers)
    told = "1 number" if len(numbers) == 1 else f"{len(numbers)} numbers"
    return Address(f"twilio://{sid}:{token}@{sender}/{to}", f"SMS · Twilio, {told}")


def _number(parts: Mapping[str, str], key: str) -> str:
    return _phone(parts[key], key)


def _phone(text: str, part: str) -> str:
    number = re.sub(r"[\s().-]", "", text)
    if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
        raise AddressWrong(part, f"“{text.strip()[:40]}” is not a number such as +15551234567.")
    return number


def _webhook(parts: Mapping[str, str]) -> Address:
    """A POST of JSON. What the address asks for goes along, which apprise wants marked."""
    try:
        found = urlsplit(parts["url"])
        host, port = found.hostname, found.port
    except ValueError:
        host, port, found = None, None, urlsplit("")
    if found.scheme not in {"http", "https"} or not host:
        raise AddressWrong("url", "It must be like https://hooks.example.com/alerts.")
    scheme = {"http": "json", "https": "jsons"}[found.scheme]
    place = f"[{host}]" if ":" in host else host
    if port is not None:
        place = f"{place}:{port}"
    login = ""
    if found.username:
        login = f"{found.username}:{found.password}@" if found.password else f"{found.username}@"
    asked = [(f"-{name}", value) for name, value in parse_qsl(found.query, keep_blank_values=True)]
    if parts.get("token"):
        asked.append(("+Authorization", f"Bearer {parts['token']}"))
    query = f"?{urlencode(asked, quote_via=quote)}" if asked else ""
    return Address(f"{scheme}://{login}{place}{found.path or '/'}{query}", f"Webhook · {place}")


def _other(parts: Mapping[str, str]) -> Address:
    url = parts["url"]
    if not re.match(r"[a-z0-9]+://\S+$", url):
        raise AddressWrong("url", "It must be like discord://webhook_id/webhook_token.")
    return Address(url, "")  # the sending process knows the service's name


def _email(parts: Mapping[str, str]) -> Address:
    raise NotImplementedError("E-mails go to people of the team, by the installation's own way.")


_URL = "It is kept encrypted and never shown again."
KINDS: Mapping[TargetKind, KindFacts] = {
    TargetKind.EMAIL: KindFacts(
        "E-mail", "To people of this team, at the address that they sign in with.", (), _email
    ),
    TargetKind.SLACK: KindFacts(
        "Slack",
        "To one channel.",
        (
            Part(
                "url",
                "Webhook address",
                "At api.slack.com/apps: your app, Incoming Webhooks, Add New Webhook. It is like "
                f"https://hooks.slack.com/services/T…/B…/…. {_URL}",
            ),
        ),
        _slack,
    ),
    TargetKind.TEAMS: KindFacts(
        "Microsoft Teams",
        "To one channel or chat, by a workflow.",
        (
            Part(
                "url",
                "Workflow address",
                "In Teams: at the channel More options, Workflows, “Send webhook alerts to a channel”. "
                f"It is like https://….logic.azure.com/workflows/…&sig=…. {_URL}",
            ),
        ),
        _teams,
        is_asked=True,
    ),
    TargetKind.PAGERDUTY: KindFacts(
        "PagerDuty",
        "An incident for each alert, resolved by itself when it is over.",
        (
            Part(
                "key",
                "Integration key",
                f"At the service: Integrations, Add integration, Events API V2. {_URL}",
            ),
            Part(
                "region",
                "Service region",
                "",
                secret=False,
                choices=(("us", "US"), ("eu", "EU")),
            ),
        ),
        _pagerduty,
    ),
    TargetKind.SMS: KindFacts(
        "SMS",
        "To telephones, by your account at Twilio. One sentence and the link.",
        (
            Part(
                "sid", "Account SID", "At console.twilio.com, Account Info. It begins with AC.", secret=False
            ),
            Part("token", "Auth token", f"Beside the account SID. {_URL}"),
            Part("sender", "From", "A number of your account, such as +15551234567.", secret=False),
            Part(
                "numbers",
                "To",
                "Numbers with their country, with commas between: +15551234567.",
                secret=False,
            ),
        ),
        _sms,
    ),
    TargetKind.WEBHOOK: KindFacts(
        "Webhook",
        "A POST of JSON to a program of yours: title, message, type, alert and state.",
        (
            Part("url", "Address", f"Such as https://hooks.example.com/alerts. {_URL}"),
            Part(
                "token",
                "Bearer token",
                "Sent as “Authorization: Bearer …”, for a program that asks for it.",
                required=False,
            ),
        ),
        _webhook,
    ),
    TargetKind.OTHER: KindFacts(
        "Another service",
        "Any other of the services that apprise knows: Discord, Telegram, Mattermost, ntfy, Opsgenie, …",
        (
            Part(
                "url",
                "Address of apprise",
                "Such as discord://webhook_id/webhook_token, tgram://bot_token/chat_id or "
                f"ntfys://topic; appriseit.com lists all services. {_URL}",
            ),
        ),
        _other,
        is_asked=True,
    ),
}
