"""The advanced settings of a connection: those that most destinations share, and their cleaning. Pure.

Forms and YAML both go through `clean`, so that what is stored is within its bounds and in one spelling.
"""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from urllib.parse import urlsplit

from destinations.contract import JSON, Limits, Setting


class BadSettings(ValueError):
    """Settings that cannot be used. `faults` holds a sentence for people by the setting's key."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = dict(faults)


def usual(base_url: str, limits: Limits) -> tuple[Setting, ...]:
    """The settings that follow from a destination's address and limits."""
    first, longest = limits.poll_seconds
    return (
        Setting(
            "base_url",
            "Base URL",
            kind="url",
            default=base_url,
            help="Another address of the API, or a sandbox.",
            names_account=True,
        ),
        Setting(
            "batch_size",
            "Records per request",
            kind="integer",
            default=limits.operations_per_call,
            help=f"At most {limits.operations_per_call}, which is what the service takes.",
            minimum=1,
            maximum=limits.operations_per_call,
        ),
        Setting(
            "concurrency",
            "Requests at once",
            kind="integer",
            default=limits.default_concurrency,
            help=f"Over all syncs of the account. The service allows {limits.concurrency} to all of your "
            "tools together.",
            minimum=1,
            maximum=limits.concurrency,
        ),
        Setting(
            "timeout_seconds",
            "Wait for an answer (seconds)",
            kind="number",
            default=limits.timeout_seconds,
            help="After this time a request counts as lost and is sent again if that changes nothing twice.",
            minimum=1,
            maximum=600,
        ),
        Setting(
            "settle_seconds",
            "Wait after a lost answer (seconds)",
            kind="number",
            default=limits.settle_seconds,
            help="How long a request without an answer may still take effect.",
            minimum=0,
            maximum=3_600,
        ),
        Setting(
            "poll_seconds",
            "First look at a job after (seconds)",
            kind="number",
            default=first,
            help=f"The pause between two looks grows up to {longest / first:g} times as long.",
            minimum=0.05,
            maximum=60,
        ),
        Setting(
            "poll_deadline_seconds",
            "Give up looking at a job after (seconds)",
            kind="number",
            default=limits.poll_deadline_seconds,
            help="What became of its records is unknown then, and the run says so.",
            minimum=1,
            maximum=82_800,
        ),
    )


def clean(declared: Sequence[Setting], given: Mapping[str, JSON]) -> dict[str, JSON]:
    """What to store: values of the declared kinds, without those that are empty or the default.

    Raises BadSettings with every fault at once, unknown keys included.
    """
    by_key = {setting.key: setting for setting in declared}
    faults: dict[str, str] = {}
    kept: dict[str, JSON] = {}
    for key, value in given.items():
        if key not in by_key:
            near = get_close_matches(key, by_key, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(by_key)}."
            faults[key] = f"There is no setting {key}. {hint}"
            continue
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        try:
            cleaned = _cleaned(by_key[key], value)
        except ValueError as error:
            faults[key] = f"{by_key[key].label}: {error}"
            continue
        if cleaned != by_key[key].default:
            kept[key] = cleaned
    if faults:
        raise BadSettings(faults)
    return kept


def _cleaned(setting: Setting, value: JSON) -> JSON:
    """The value in the setting's kind. ValueError with a sentence where it does not fit."""
    match setting.kind:
        case "integer" | "number":
            return _number(setting, value)
        case "choice":
            if value not in setting.choices:
                raise ValueError(f"must be one of {', '.join(setting.choices)}.")
            return value
        case "url":
            return _url(value)
    if not isinstance(value, str):
        raise ValueError("must be text.")
    return value.strip()


def _number(setting: Setting, value: JSON) -> int | float:
    sort = "a whole number" if setting.kind == "integer" else "a number"
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"must be {sort}.") from None
    if not math.isfinite(number) or (setting.kind == "integer" and number != int(number)):
        raise ValueError(f"must be {sort}.")
    if setting.minimum is not None and number < setting.minimum:
        raise ValueError(f"must be at least {setting.minimum:g}.")
    if setting.maximum is not None and number > setting.maximum:
        raise ValueError(f"must be at most {setting.maximum:g}.")
    return int(number) if number == int(number) else number


def _url(value: JSON) -> str:
    """The address without a slash at its end. Plain http only where the way is ours: it shows the key."""
    try:
        parts = urlsplit(value.strip()) if isinstance(value, str) else urlsplit("")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if (
        not host
        or parts.scheme not in ("http", "https")
        or port == 0
        or any(c.isspace() for c in parts.netloc)
    ):
        raise ValueError("must be an address such as https://api.example.com.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address alone, without a name, a password or anything after ? or #.")
    if parts.scheme == "http" and not _is_near(host):
        raise ValueError("must begin with https://; plain http would show the key on the way.")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _is_near(host: str) -> bool:
    """Whether the host is this machine or on a private network, as far as its name tells."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private
