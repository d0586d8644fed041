"""A configuration document: what it says, read from its tree. Pure; knows nothing of what exists.

```yaml
team: acme                                    # or {slug: acme, name: Acme Inc.}
mail_domains: {blocked: [acme.com]}           # and allowed: what guards know of domains
sources:
  files: {type: duckdb, path: "."}            # and time_zone: Europe/Berlin
models:
  leads: {source: files, sql: "select * from 'leads.csv'", primary_key: id}      # or [a, b]
connections:
  qualified: {destination: qualified, api_key: "${QUALIFIED_API_KEY}"}           # or client_id, client_secret
syncs:
  leads-to-qualified:
    model: leads
    connection: qualified
    object: leads
    mapping:
      email: {first_of: [work_email, email]}
      name: {template: "{{ given_name }} {{ family_name | upcase }}"}
      title: {value: VP}
      last_synced: {variable: run_started_at}
      phone: {column: tel, steps: [trim, {phone: DE}], empty: clear}
    schedule: {daily: "07:30", zone: Europe/Berlin}    # or manual; see syncs/schedule.py
    brakes: {changes: {percent: 60, least: 1000}, new: false}    # or true, false; see engine/brakes.py
    guards:                                   # which rows are held back: see engine/guard_kinds.py
      - send_only: {all: [{column: country, in: [DE, AT]}, {column: age, greater_than: 17}]}
      - {personal_emails: {field: email}}     # and disposable_emails, blocked_domains, email_syntax
      - {name: Do not contact, suppressed: {field: email, keys: [ada@example.com]}}
      - {suppressed: {field: email, model: unsubscribed, model_column: address}}
      - {new_domains: {field: email, most: 20}}
      - {keep_first: {column: updated_at, descending: true}}
      - {never_send: {emails: [bob@example.com], keys: [42]}}
```

A document says all about what it names, down to the mapping, except for secrets, the account's own
limits, `schedule`, `brakes` and switches such as `paused`: what it leaves out of those stays as it is. It
never removes what it does not name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

from destinations.contract import JSON
from syncs.configuration.alert_reading import Alerts, read_alerts
from syncs.configuration.brakes import read_brakes
from syncs.configuration.checks import ATTENTION, CLEAR, DEFAULT, LEAVE, Draft, Filling
from syncs.configuration.guard_reading import Wanted, read_guards, read_mail_domains
from syncs.configuration.problems import Problem, listed
from syncs.configuration.section import Section, is_broken, plain, whole
from syncs.configuration.tree import Block, Listing, Scalar, Tree
from syncs.schedule import BY_HAND, MANUAL, Schedule, ScheduleWrong, read

FILLERS = ("column", "first_of", "template", "value", "variable")
CONSTANT = {"value": "a fixed value", "variable": "a run variable"}
RULES = (LEAVE, CLEAR, ATTENTION)
LONGEST_WINDOW = 31 * 86_400
MOST_REQUESTS = 100_000_000

Lines = Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Part:
    """One named thing of a document. `lines` knows the lines of its keys by path."""

    name: str
    line: int
    lines: Lines = field(repr=False)

    @property
    def called(self) -> str:
        """Its name for people: `sync leads`."""
        return f"{type(self).__name__.removesuffix('Part').lower()} {self.name}"

    def line_of(self, *path: str) -> int:
        """The line of what the path names, or of the nearest thing around it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return self.line


@dataclass(frozen=True, slots=True)
class SourcePart(Part):
    kind: str | None
    time_zone: str
    options: Mapping[str, JSON] = field(repr=False)  # the reader's keys: may hold secrets


@dataclass(frozen=True, slots=True)
class ModelPart(Part):
    """`sql_line` is where the text of the SQL begins, if it keeps its lines; 0 otherwise."""

    source: str | None
    sql: str | None
    primary_key: tuple[str, ...] | None
    sql_line: int = 0

    def line_in_sql(self, position: int) -> int:
        """The document's line of a line of the SQL, counted from 1."""
        return self.sql_line + position - 1 if self.sql_line else self.line_of("sql")


@dataclass(frozen=True, slots=True)
class ConnectionPart(Part):
    """`options` are the destination's keys, secrets among them. `limits` holds what the document says of
    the account: `windows` ([] for the published ones), `reserve_percent`, `concurrency` (None: default)."""

    destination: str | None
    options: Mapping[str, JSON] = field(repr=False)
    limits: Mapping[str, Any]
    same_account: bool | None
    same_account_as: str | None


@dataclass(frozen=True, slots=True)
class SyncPart(Part):
    """`draft.mode` and `draft.upsert_key` are empty where the document leaves them to the default.

    `keep_records`, `paused`, `schedule` and `brakes` (as they are stored) are None where it says nothing.
    `is_whole`: nothing in it was unreadable.
    """

    model: str | None
    connection: str | None
    draft: Draft
    keep_records: bool | None
    paused: bool | None
    is_whole: bool
    guards: Wanted = field(default_factory=Wanted)
    schedule: Schedule | None = None
    brakes: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """`team_name` is empty where the document gives only the slug. `lines` has the parts' lines."""

    team: str
    team_name: str
    sources: tuple[SourcePart, ...]
    models: tuple[ModelPart, ...]
    connections: tuple[ConnectionPart, ...]
    syncs: tuple[SyncPart, ...]
    team_line: int = 1
    mail_domains: Mapping[str, str] | None = None
    alerts: Alerts = field(default_factory=Alerts)


def read_document(tree: Tree | None, problems: list[Problem]) -> Document:
    """What the document says. Its problems are added to the list; what is wrong is left out."""
    root = Section(tree, "the document", 1, problems)
    team, team_name, team_line = _team(root)
    document = Document(
        team,
        team_name,
        tuple(_source(name, part) for name, part in root.sections("sources", "source").items()),
        tuple(_model(name, part) for name, part in root.sections("models", "model").items()),
        tuple(_connection(name, part) for name, part in root.sections("connections", "connection").items()),
        tuple(_sync(name, part) for name, part in root.sections("syncs", "sync").items()),
        team_line,
        read_mail_domains(root),
        read_alerts(root),
    )
    root.close()
    return document


def _team(root: Section) -> tuple[str, str, int]:
    line = root.lines.get("team", 1)
    if not isinstance(root.tree("team", required=True), Block):
        slug, name = root.text("team"), ""
    else:
        inner = root.section("team", "`team`")
        slug = inner.text("slug", required=True) if inner else None
        name = (inner.text("name") if inner else None) or ""
        if inner:
            inner.close()
    if slug is not None and not (
        slug.isascii() and slug.replace("-", "").replace("_", "").isalnum() and len(slug) <= 50
    ):
        root.wrong(
            line,
            "the team must be a word of letters, digits, - and _ such as `acme`; write {slug: …, name: …}",
        )
        slug = None
    if len(name) > 100:
        root.wrong(line, "the team's name must have at most 100 signs")
    return slug or "", name, line


def _lines(part: Section) -> dict[tuple[str, ...], int]:
    return {(key,): line for key, line in part.lines.items()}


def _source(name: str, part: Section) -> SourcePart:
    kind = part.text("type", required=True)
    zone = part.text("time_zone")
    if zone is not None and zone not in available_timezones():
        part.wrong(
            part.lines["time_zone"],
            f"{part.called}: there is no time zone `{zone}`; write one such as Europe/Berlin",
        )
        zone = None
    return SourcePart(name, part.line, _lines(part), kind, zone or "UTC", _rest(part))


def _model(name: str, part: Section) -> ModelPart:
    source = part.text("source", required=True)
    sql = part.text("sql", required=True)
    primary_key = part.texts("primary_key", required=True)
    if primary_key is not None and len(set(primary_key)) < len(primary_key):
        part.wrong(part.lines["primary_key"], f"`primary_key` of {part.called} names a column twice")
    part.close()
    tree = part.tree("sql")
    begins = 0
    if sql is not None and isinstance(tree, Scalar) and tree.is_literal:
        blank = len(sql) - len(sql.lstrip())
        begins = tree.line + 1 + sql[:blank].count("\n")
    return ModelPart(name, part.line, _lines(part), source, sql.strip() if sql else None, primary_key, begins)


def _connection(name: str, part: Section) -> ConnectionPart:
    destination = part.text("destination", required=True)
    limits: dict[str, Any] = {}
    if part.has("windows") and (windows := _windows(part)) is not None:
        limits["windows"] = windows
    for key, least, most in (("reserve_percent", 0, 95), ("concurrency", 1, 1_000)):
        tree = part.tree(key)
        if tree is None:
            continue
        if isinstance(tree, Scalar) and tree.is_null:
            limits[key] = None
        elif (number := whole(tree, least, most)) is not None:
            limits[key] = number
        elif not is_broken(tree):
            part.wrong(tree.line, f"`{key}` of {part.called} must be a whole number from {least} to {most}")
    same, same_as = part.flag("same_account"), part.text("same_account_as")
    return ConnectionPart(name, part.line, _lines(part), destination, _rest(part), limits, same, same_as)


def _windows(part: Section) -> list[list[float]] | None:
    """[[requests, seconds], …], each also as {requests: …, seconds: …}; [] for the published ones."""
    tree = part.tree("windows")
    if tree is None or (isinstance(tree, Scalar) and tree.is_null):
        return []
    found: list[list[float]] = []
    for item in tree.items if isinstance(tree, Listing) else (tree,):
        pair = plain(item)
        if isinstance(pair, dict) and {*pair} == {"requests", "seconds"}:
            pair = [pair["requests"], pair["seconds"]]
        if not _is_window(pair):
            if not is_broken(tree):
                part.wrong(
                    item.line,
                    f"`windows` of {part.called} must be a list of [requests, seconds], "
                    "such as [[2000, 900], [7000, 3600]]",
                )
            return None
        found.append(pair)
    return found


def _is_window(pair: JSON) -> bool:
    if not isinstance(pair, list) or len(pair) != 2 or any(isinstance(n, bool) for n in pair):
        return False
    requests, seconds = pair
    return (
        isinstance(requests, int)
        and isinstance(seconds, int | float)
        and 1 <= requests <= MOST_REQUESTS
        and 0 < seconds <= LONGEST_WINDOW
    )


def _rest(part: Section) -> dict[str, JSON]:
    """The keys that belong to the source's reader or the destination, texts as they are written."""
    found: dict[str, JSON] = {}
    for key in part.rest():
        tree = part.tree(key)
        if tree is not None and not is_broken(tree):
            found[key] = tree.text if isinstance(tree, Scalar) else plain(tree)
    return found


def _sync(name: str, part: Section) -> SyncPart:
    before = len(part.problems)
    model, connection = part.text("model", required=True), part.text("connection", required=True)
    object_key = part.text("object", required=True)
    mode, upsert_key = part.text("mode"), part.text("upsert_key")
    keep_records, paused = part.flag("keep_records"), part.flag("paused")
    lines = _lines(part)
    mapping = part.section("mapping", f"the mapping of {part.called}", required=True)
    fillings = _mapping(mapping, lines) if mapping is not None else ()
    schedule, brakes = _schedule(part), read_brakes(part)
    guards = read_guards(part.tree("guards"), part.called, part.problems, lines)
    part.close()
    draft = Draft(object_key or "", mode or "", upsert_key or "", fillings)
    is_whole = len(part.problems) == before
    switches = (keep_records, paused, is_whole)
    return SyncPart(name, part.line, lines, model, connection, draft, *switches, guards, schedule, brakes)


def _schedule(part: Section) -> Schedule | None:
    tree = part.tree("schedule")
    if tree is None or is_broken(tree):
        return None
    told = plain(tree)
    if told == MANUAL:
        return BY_HAND
    try:
        if isinstance(told, dict):
            return read(told)
        part.wrong(tree.line, f"`schedule` of {part.called} must be manual, or such as {{every: 15 minutes}}")
    except ScheduleWrong as wrong:
        at = tree.entries.get(wrong.part) if isinstance(tree, Block) else None
        part.wrong(at.line if at else tree.line, f"`schedule` of {part.called}: {wrong}")
    return None


def _mapping(mapping: Section, lines: dict[tuple[str, ...], int]) -> tuple[Filling, ...]:
    found = []
    for key in mapping.rest():
        tree = mapping.tree(key)
        lines["mapping", key] = mapping.lines[key]
        called = f"field {key} of {mapping.called.removeprefix('the ')}"
        if isinstance(tree, Block):
            inner = Section(tree, called, mapping.lines[key], mapping.problems)
            lines |= {("mapping", key, name): line for name, line in inner.lines.items()}
            found.append(_filling(key, inner))
        elif (column := mapping.text(key, required=True)) is not None:
            found.append(Filling(key, column=column))
    return tuple(one for one in found if one is not None)


def _filling(key: str, part: Section) -> Filling | None:
    """What fills a field, where it is more than a column's name."""
    before = len(part.problems)
    column, first_of, template = part.text("column"), part.texts("first_of"), part.text("template")
    variable = part.text("variable")
    value, steps, empty, default = part.tree("value"), part.tree("steps"), *_empty(part)
    part.close()
    given = [name for name in FILLERS if part.has(name)]
    if len(given) != 1:
        part.wrong(part.line, f"{part.called} needs {listed(FILLERS)}, and only one of them")
    elif given[0] in CONSTANT and (part.has("steps") or part.has("empty")):
        what = CONSTANT[given[0]]
        part.wrong(part.line, f"{part.called}: `steps` and `empty` are not for {what}")
    elif value is not None and not _is_fixed(value):
        part.wrong(
            value.line, f"{part.called}: a fixed value is a text, a number, true, false or a list of texts"
        )
    elif len(part.problems) == before and not any((value, column, first_of, template, variable)):
        part.text(given[0], required=True)
    if len(part.problems) > before or (value is not None and is_broken(value)):
        return None
    if value is not None:
        return Filling(key, value=plain(value))
    chain = () if steps is None else plain(steps)
    return Filling(
        key,
        column=column,
        steps=tuple(chain) if isinstance(chain, list | tuple) else (chain,),
        empty=empty,
        default=default,
        first_of=first_of or (),
        template=template,
        variable=variable,
    )


def _empty(part: Section) -> tuple[str, JSON]:
    """The rule for empty values, and its default."""
    tree = part.tree("empty")
    if isinstance(tree, Block) and [*tree.entries] == ["default"]:
        default = tree.entries["default"].value
        if _is_fixed(default):
            return DEFAULT, plain(default)
    elif tree is None:
        return LEAVE, None
    elif isinstance(tree, Scalar) and tree.text in RULES:
        return tree.text, None
    if not is_broken(tree):
        part.wrong(tree.line, f"{part.called}: `empty` must be {listed(RULES)}, or {{default: …}}")
    return LEAVE, None


def _is_fixed(tree: Tree) -> bool:
    """Whether it is a value by itself: not null, not a mapping."""
    if isinstance(tree, Listing):
        return all(isinstance(item, Scalar) and not item.is_null for item in tree.items)
    return isinstance(tree, Scalar) and not tree.is_null
