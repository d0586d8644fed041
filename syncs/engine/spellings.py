"""The ways in which a typed key may be kept: as a row has it, and as upsert keys are tidied. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from syncs.engine import addresses
from syncs.engine.plain import mended

LONGEST = 500  # characters that somebody may look for

_NAMED = re.compile(r"[^<>]*<([^<>\s]+@[^<>\s]+)>\s*")  # Ada <ada@acme.com>
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})((?:\\u[0-9a-fA-F]{4})?)|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{2})")
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "‘": "’", "«": "»", "`": "`", "<": ">"}


def spellings(text: str) -> tuple[str, ...]:
    """Every form of the text that a key may have here, the one that was typed first.

    Texts are kept as they are, so they count as typed, without the blanks around them, and with their
    characters composed; e-mail addresses and domains also as the engine tidies them. Taken apart is what
    comes along by copying: quotes, `mailto:`, a name before the address, `%40`, `\\u00fc`.
    """
    found: dict[str, None] = {}
    for plain in dict.fromkeys(_plain(mended(text))):
        found[plain] = None
        composed = unicodedata.normalize("NFC", plain)
        found[composed] = None
        tidy = addresses.email(composed) if "@" in composed else addresses.domain(composed)
        if tidy:
            found[tidy] = None
    found.pop("", None)
    return tuple(found)


def beginnings(text: str) -> tuple[str, ...]:
    """The ways in which a key that begins with the text may begin; () where it is too short to tell."""
    bare = unicodedata.normalize("NFC", text.strip())
    return tuple(dict.fromkeys((bare, bare.lower()))) if len(bare) >= 3 else ()


def _plain(text: str) -> Iterator[str]:
    yield text
    bare = text.strip()
    yield bare
    if _QUOTES.get(bare[:1]) == bare[-1:] and len(bare) > 2:
        bare = bare[1:-1].strip()
        yield bare
    if named := _NAMED.fullmatch(bare):
        bare = named[1]
        yield bare
    if bare.lower().startswith("mailto:"):
        bare = bare[len("mailto:") :].partition("?")[0]
        yield bare
    if "%" in bare:
        yield unquote(bare)
    if "\\" in bare:
        yield mended(_ESCAPE.sub(_unescaped, bare))


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        units = (found[1] + found[2].removeprefix("\\u")).lower()
        return bytes.fromhex(units).decode("utf-16-be", "surrogatepass")
    code = int(found[3] or found[4], 16)
    return chr(code) if code <= 0x10FFFF else found[0]


def is_address(forms: Sequence[str]) -> bool:
    """Whether one of the forms is an e-mail address."""
    return any("@" in form and addresses.email(form) for form in forms)
