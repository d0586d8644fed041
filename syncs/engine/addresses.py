"""E-mail addresses and domains, in the one form that rows are matched by.

Pure: only the syntax is looked at, no name is resolved. What nearly every row holds (short, ASCII) is
decided by one regular expression; the rest goes to email-validator and idna, with the same answer. Names
that are reserved (`.test`, `.example`, `.local`) are good syntax and pass.
"""

import re

import idna
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailSyntaxError, validate_email

from syncs.engine import mail_domains

# Possessive quantifiers: nothing is tried twice, so a long wrong text costs no more than a right one.
# Two hyphens in a row are left to the slow path: they may be Punycode.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]++"
_HOST = r"(?:[a-z0-9]++(?:-[a-z0-9]++)*+\.)++[a-z]{2,}+"
_PLAIN_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+@{_HOST}")
_PLAIN_EMAILS = re.compile(rf"(?:{_PLAIN_EMAIL.pattern}\n)*+")
_PLAIN_URL = re.compile(rf"(?:https?://)?(?:www\.)?({_HOST})\.?(?::[0-9]{{0,5}})?(?:[/?#].*)?", re.DOTALL)
_PLAIN_LENGTH = 63  # so short, no part of it can be too long: local part 64, label 63, address 254

_MAX_EMAIL_LENGTH = 254
_TOP_LEVEL = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+")
_LAST_LABEL = re.compile(r"[^.\u3002\uff0e\uff61]*\Z")  # the dots that IDNA knows
_SPECIAL_USE = frozenset(SPECIAL_USE_DOMAIN_NAMES)

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_AFTER_HOST = re.compile(r"[/?#\\]")
_PORT = re.compile(r":[0-9]{0,5}\Z")


def email(text: str) -> str | None:
    """The address trimmed, in lower case, an international domain in Unicode; None if it is not an address.

    At most 64 characters before the @-sign and 254 bytes in all; the domain has a dot and ends in letters.
    """
    return emails([text])[0]


def emails(values: list[str | None]) -> list[str | None]:
    """`email` of each text of a column; None where there is none or it is not an address."""
    return [
        tidy or (_email(value) if value else None)
        for tidy, value in zip(plain_emails(values), values, strict=True)
    ]


def plain_emails(values: list[str | None]) -> list[str | None]:
    """`email` of each text that is a short ASCII address; None for all else, which takes a closer look."""
    if all(values):
        texts: list[str] = values  # type: ignore[assignment]
        # A column of nothing else is matched as one text, line by line: twice as fast.
        lines = "\n".join((*texts, ""))
        tidy_lines = lines.lower()
        if (
            max(map(len, texts), default=0) <= _PLAIN_LENGTH
            and tidy_lines.count("\n") == len(texts)
            and _PLAIN_EMAILS.fullmatch(tidy_lines)
            and lines.isascii()
        ):
            return values if tidy_lines == lines else list(tidy_lines.split("\n")[:-1])
    plain = _PLAIN_EMAIL.fullmatch
    tidied = [value and value.strip().lower() for value in values]
    return [tidy if tidy and plain(tidy) and len(tidy) <= _PLAIN_LENGTH else None for tidy in tidied]


def checked_email(text: str) -> str:
    """`email` of a text that takes a closer look. ValueError says in a sentence why it is no address."""
    text = text.strip()
    if len(text) > _MAX_EMAIL_LENGTH:
        raise EmailSyntaxError(f"It is longer than {_MAX_EMAIL_LENGTH} characters.")
    # The domain is not lowered here: IDNA has its own lower case (a final sigma stays another letter).
    local, at, host = text.rpartition("@")
    # email-validator refuses reserved names, whatever their syntax: it sees letters in their place.
    last = _LAST_LABEL.findall(host)[0]
    reserved = last.lower() in _SPECIAL_USE
    if reserved:
        host = host[: -len(last)] + "x" * len(last)
    found = validate_email(local.lower() + at + host, check_deliverability=False, strict=True)
    if not _TOP_LEVEL.fullmatch(found.ascii_domain.rpartition(".")[2]):
        raise EmailSyntaxError("The part after the @-sign does not end in a top-level domain such as .com.")
    return found.normalized[: -len(last)] + last.lower() if reserved else found.normalized


def email_domain(email: str) -> str:
    """The domain of a valid address as `domain` writes it: ASCII, without `www.`; "" if there is none."""
    return domain(email.rpartition("@")[2]) or ""


def domain(text: str) -> str | None:
    """The domain that a domain, host or web address names; None if it names none.

    Scheme, sign-in, `www.`, port, path, query and a last dot go, subdomains stay. In lower case, an
    international name as Punycode. An e-mail address is not a domain, nor is an IP address.
    """
    found = _PLAIN_URL.fullmatch(text.strip().lower())
    if found and len(host := found[1]) <= _PLAIN_LENGTH and not host.startswith("www."):
        return host
    return _domain(text)


def domains(values: list[str | None]) -> list[str | None]:
    """`domain` of each text of a column; None where there is none or it names no domain."""
    return [domain(value) if value else None for value in values]


def is_free_mail(domain: str) -> bool:
    """Whether this domain, as `domain` writes it, is a mail service where anybody may have an address."""
    return domain in mail_domains.PERSONAL.domains


def _email(text: str) -> str | None:
    try:
        return checked_email(text)
    except ValueError:
        return None


def _domain(text: str) -> str | None:
    host = text.strip()
    scheme = _SCHEME.match(host)
    host = _AFTER_HOST.split(host[scheme.end() :] if scheme else host, maxsplit=1)[0]
    if scheme:
        host = host.rpartition("@")[2]
    try:
        # Refuses what a host name cannot hold: "@", "_", blanks, a label of more than 63 characters.
        host = idna.encode(_PORT.sub("", host), uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        return None
    host = host.removesuffix(".")
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    parent, _, top_level = host.rpartition(".")
    return host if parent and _TOP_LEVEL.fullmatch(top_level) else None
