"""JSON text of a source → Python values, exactly and fast. Pure."""

import re
from decimal import Decimal
from json import loads
from typing import Any

import orjson

_LONG_NUMBER = re.compile(rb"\d{16}")


def exact_json(text: bytes) -> Any:
    """The parsed value. Numbers of many digits come as int or Decimal, which keep them all."""
    if _LONG_NUMBER.search(text) is None:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # half a surrogate pair, say: the standard library is more patient
    return loads(text, parse_float=Decimal)
