"""Salesloft's API by its paths: the envelope of its answers, and its lists page by page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from destinations.contract import JSON, Client, Reply
from destinations.errors import Cause, Temporary

VERSION = "/v2"
PER_PAGE = 100  # the most that it gives
MOST_PAGES = 100  # from page 101 on, a request costs more than one

Params = Sequence[tuple[str, str]]


class Api:
    """The client, with paths as the reference writes them: `/people`. A base URL may end in `/v2` or not."""

    def __init__(self, client: Client, base_url: str) -> None:
        self._client = client
        self._before = "" if base_url.rstrip("/").endswith(VERSION) else VERSION

    def get(self, path: str, params: Params = (), *, read: Sequence[int] = ()) -> Reply:
        return self._client.get(self._before + path, params=params, read=read)

    def post(self, path: str, body: JSON, *, read: Sequence[int] = ()) -> Reply:
        return self._client.post(self._before + path, body, read=read)

    def put(self, path: str, body: JSON, *, read: Sequence[int] = ()) -> Reply:
        return self._client.put(self._before + path, body, read=read)

    def delete(self, path: str, *, read: Sequence[int] = ()) -> Reply:
        return self._client.delete(self._before + path, read=read)

    def pages(self, path: str, params: Params = ()) -> Iterator[list[Mapping[str, JSON]]]:
        """A list, a page at a time. Not all lists tell whether there is a next page; a full one has one."""
        for page in range(1, MOST_PAGES + 1):
            paging = (("per_page", str(PER_PAGE)), ("page", str(page)))
            reply = self.get(path, (*params, *paging))
            records = records_in(reply.json, path)
            yield records
            if not _has_next(reply.json, len(records)):
                return


def record_in(body: JSON) -> Mapping[str, JSON] | None:
    """The one record of an answer; None where there is none."""
    found = body.get("data") if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else None


def records_in(body: JSON, path: str) -> list[Mapping[str, JSON]]:
    """The records of a list. Temporary where the answer is no list."""
    found = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        unreadable(path)
    return found


def id_of(record: Mapping[str, JSON]) -> str:
    """The record's id as text, or ""."""
    found = record.get("id")
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def text_of(record: Mapping[str, JSON], name: str) -> str:
    """A member that is text, trimmed, or ""."""
    found = record.get(name)
    return found.strip() if isinstance(found, str) else ""


def unreadable(path: str) -> NoReturn:
    raise Temporary(
        f"Salesloft's answer at {path} could not be read: it is not of the shape that Salesloft publishes. "
        "It is asked for again by itself.",
        cause=Cause.GARBLED,
        may_be_applied=False,
    )


def _has_next(body: JSON, count: int) -> bool:
    metadata = body.get("metadata") if isinstance(body, Mapping) else None
    paging = metadata.get("paging") if isinstance(metadata, Mapping) else None
    if isinstance(paging, Mapping) and "next_page" in paging:
        return paging["next_page"] is not None and count > 0
    return count >= PER_PAGE
