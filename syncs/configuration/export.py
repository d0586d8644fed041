"""A team's configuration as a document without secrets: applying it, variables set, changes nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from destinations import registry
from destinations.accounts import OF_AN_APP
from destinations.contract import JSON
from destinations.models import Connection, RemoteAccount
from destinations.shares import name_for
from syncadmin.lib.crypto import UnreadableSecret
from syncadmin.teams.models import Team
from syncs.configuration.alerts import export_alerts
from syncs.configuration.checks import DEFAULT, LEAVE
from syncs.configuration.guards import for_document
from syncs.configuration.mail_domains import export_mail_domains
from syncs.configuration.tree import escape
from syncs.engine import permitted
from syncs.engine.brakes import NONE, as_stored
from syncs.engine.braking import limits_of
from syncs.engine.scheduling import schedule_of
from syncs.models import FieldMapping, QueryModel, Source, Sync

_RESERVE = RemoteAccount._meta.get_field("reserve_percent").default


class _Reference(str):
    """A reference to a variable: written as it is, while other texts are escaped."""

    __slots__ = ()


def export(team: Team) -> str:
    """The document. Secrets stand as `${NAME}`, with names made of what they belong to."""
    names = _Names()
    connections = Connection.objects.filter(team=team).select_related("account").order_by("name")
    document: dict[str, Any] = {
        "team": team.slug if team.name == team.slug else {"slug": team.slug, "name": team.name},
        "mail_domains": export_mail_domains(team),
        "sources": {
            one.name: _source(one, names) for one in Source.objects.filter(team=team).order_by("name")
        },
        "models": {
            one.name: _model(one)
            for one in QueryModel.objects.filter(team=team).select_related("source").order_by("name")
        },
        "connections": dict(_connections(list(connections), names)),
        "syncs": {
            one.name: _sync(one)
            for one in Sync.objects.filter(team=team).select_related("model", "connection").order_by("name")
        },
        "alerts": export_alerts(team, names.reference),
    }
    return write({key: value for key, value in document.items() if value})


def write(document: Mapping[str, Any]) -> str:
    """A document as YAML that `tree.read` gives back. Texts in it that are no references stay as they are."""
    return yaml.dump(
        _escaped(document),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )


def _escaped(value: Any) -> Any:
    """The value with nothing in it that reading would take for a variable. Keys are never taken for one."""
    if isinstance(value, dict):
        return {key: _escaped(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_escaped(one) for one in value]
    return escape(value) if type(value) is str else value


class _Names:
    """Names of variables, each used once."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def reference(self, owner: str, secret: str) -> _Reference:
        """`warehouse`, `password` → `${WAREHOUSE_PASSWORD}`."""
        word = re.sub(r"[^A-Z0-9]+", "_", f"{owner}_{secret}".upper()).strip("_")
        word = word if word[:1].isalpha() else f"SECRET_{word}"
        name, number = word, 2
        while name in self._used:
            name, number = f"{word}_{number}", number + 1
        self._used.add(name)
        return _Reference(f"${{{name}}}")


def _source(source: Source, names: _Names) -> dict[str, Any]:
    found = {"type": source.kind, **source.options}
    found |= {name: names.reference(source.name, name) for name in source.credentials}
    if source.time_zone != "UTC":
        found["time_zone"] = source.time_zone
    return found


def _model(model: QueryModel) -> dict[str, Any]:
    key = model.primary_key
    return {"source": model.source.name, "sql": model.sql, "primary_key": key[0] if len(key) == 1 else key}


def _connections(connections: list[Connection], names: _Names) -> Iterator[tuple[str, dict[str, Any]]]:
    """Connections that share an account say so, and the first of them says the account's limits."""
    first: dict[int, str] = {}
    for connection in connections:
        found: dict[str, Any] = {"destination": connection.destination}
        found |= _sign_in(connection, names)
        found |= {key: value for key, value in connection.options.items() if key != "concurrency"}
        if connection.account_id in first:
            found["same_account_as"] = first[connection.account_id]
        else:
            first[connection.account_id] = connection.name
            found |= _limits(connection)
        yield connection.name, found


def _sign_in(connection: Connection, names: _Names) -> dict[str, JSON]:
    if connection.sign_in == Connection.SignIn.OAUTH:
        try:
            has_app = bool(connection.credentials)
        except UnreadableSecret:
            has_app = True
        secrets: tuple[str, ...] = OF_AN_APP if has_app else ()
    else:
        adapter = registry.adapters().get(connection.destination)
        key = adapter.api_key() if adapter else None
        secrets = (key.field if key else "api_key",)
    if not secrets:
        return {"sign_in": Connection.SignIn.OAUTH.value}  # with the installation's app
    return {secret: names.reference(connection.name, secret) for secret in secrets}


def _limits(connection: Connection) -> dict[str, JSON]:
    account = connection.account
    limits: dict[str, JSON] = {"windows": account.windows} if account.windows else {}
    if account.reserve_percent != _RESERVE:
        limits["reserve_percent"] = account.reserve_percent
    if concurrency := account.concurrency or connection.options.get("concurrency"):
        limits["concurrency"] = concurrency
    return limits


def definition_of(sync: Sync, mappings: Iterable[FieldMapping] | None = None) -> dict[str, Any]:
    """What the document says of one sync, with its name and without the switch `paused`.

    `mappings` stand in for those that are stored.
    """
    told = _sync(sync, with_digests=False)
    if mappings is not None:
        told["mapping"] = {mapping.field: _filling(mapping) for mapping in mappings}
    return {"name": sync.name} | {key: value for key, value in told.items() if key != "paused"}


def _sync(sync: Sync, *, with_digests: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {
        "model": permitted.name_for(sync.model, sync.team_id),
        "connection": name_for(sync.connection, sync.team_id),
        "object": sync.object_key,
        "mode": sync.mode,
        "upsert_key": sync.upsert_key,
    }
    found |= {} if sync.keep_records else {"keep_records": False}
    found |= {"paused": True} if sync.paused else {}
    if schedule := schedule_of(sync).as_json():
        found["schedule"] = schedule
    if brakes := as_stored(limits_of(sync)):  # in one order, whatever the database makes of it
        found["brakes"] = False if brakes == NONE else brakes
    if sync.guards:
        found["guards"] = for_document(sync, with_digests=with_digests)
    return found | {"mapping": {mapping.field: _filling(mapping) for mapping in sync.mappings.all()}}


def _filling(mapping: FieldMapping) -> JSON:
    found: dict[str, JSON]
    if mapping.first_of is not None:
        found = {"first_of": mapping.first_of}
    elif mapping.template is not None:
        found = {"template": mapping.template}
    elif mapping.variable is not None:
        return {"variable": mapping.variable}
    elif mapping.column is None:
        return {"value": mapping.value}
    elif not mapping.steps and mapping.empty == LEAVE:
        return mapping.column
    else:
        found = {"column": mapping.column}
    found |= {"steps": mapping.steps} if mapping.steps else {}
    if mapping.empty == DEFAULT:
        found["empty"] = {"default": mapping.default}
    elif mapping.empty != LEAVE:
        found["empty"] = mapping.empty
    return found


class _Dumper(yaml.SafeDumper):
    """Texts as people write them: long ones line by line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None
    if isinstance(text, _Reference) or any(sign in text for sign in "\x85\u2028\u2029"):
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Reference, _text)
