"""Looking records up by their keys, in pages.

Salesloft ignores a filter whose name it does not know, and answers with the first page of everything. So
nothing is believed of an answer that holds a record that was not asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote_plus

from destinations.adapters._salesloft_api import Api, Params, id_of, unreadable
from destinations.adapters._salesloft_records import ID, WORDS, carries, differences, folded
from destinations.contract import JSON, Found, Operation, Target

KEYS = 100  # one page holds as many records
QUERY_CHARACTERS = 4_000  # of a query's value; servers refuse lines of more than about 8,000
FILTERS = {
    ("people", "email_address"): "email_addresses",
    ("people", ID): "ids",
    ("accounts", "domain"): "domain",
    ("accounts", ID): "ids",
}
OTHER_ADDRESSES = ("secondary_email_address", "personal_email_address")  # a filter may mean them, too
SINGLE = frozenset(("domain",))  # filters that take one value

Records = dict[str, dict[str, Mapping[str, JSON]]]  # by key as it is compared, then by id


def find(api: Api, target: Target, operations: Sequence[Operation]) -> list[Found]:
    """What carries each operation's match key. As many requests as the keys take."""
    key = target.upsert_key
    name = FILTERS[target.object.key, key]
    path = WORDS[target.object.key].path
    found: Records = {}
    wanted = dict.fromkeys(folded(one.match_key) for one in operations)
    for asked in _portions([one for one in wanted if key != ID or one.isdecimal()], name):
        params = ((name, ",".join(asked)), *_more(name))
        for page in api.pages(path, params):
            for record in page:
                carried, at = carries(record, key), id_of(record)
                if carried in asked and at:
                    found.setdefault(carried, {})[at] = record
                elif not any(carries(record, other) in asked for other in OTHER_ADDRESSES):
                    unreadable(path)
    return [_found(one, found.get(folded(one.match_key), {})) for one in operations]


def _found(operation: Operation, records: Mapping[str, Mapping[str, JSON]]) -> Found:
    if len(records) != 1:
        return Found(len(records))
    ((at, record),) = records.items()
    others = differences(operation, record)
    return Found(1, at, not others, others or None)


def _more(name: str) -> Params:
    """An order that does not change while pages are read."""
    return () if name in SINGLE else (("sort_by", "created_at"), ("sort_direction", "ASC"))


def _portions(keys: Sequence[str], name: str) -> Iterator[list[str]]:
    """The keys in portions that one request's query can hold."""
    portion: list[str] = []
    length = 0
    for key in keys:
        size = len(quote_plus(key)) + len("%2C")
        is_full = len(portion) >= (1 if name in SINGLE else KEYS) or length + size > QUERY_CHARACTERS
        if portion and is_full:
            yield portion
            portion, length = [], 0
        portion.append(key)
        length += size
    if portion:
        yield portion
