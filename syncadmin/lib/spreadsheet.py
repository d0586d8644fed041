"""Files for spreadsheets, written while they are read, and harmless in them."""

import re

MARK = "\ufeff"  # tells spreadsheets that the file is UTF-8

# A spreadsheet takes such a cell for a formula, and a formula may call out.
_FORMULA = re.compile(r"[=+\-@\t\r\n|%]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def guarded(text: str) -> str:
    """The text, made harmless where a spreadsheet would take it for a formula: by a leading apostrophe."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text
