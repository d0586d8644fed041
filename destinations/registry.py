"""The destinations that there are: found in `adapters/`, and their facts checked when they are loaded.

A destination is a module of `adapters/` that holds a class `Adapter`, whose key is the module's name.
Modules that begin with `_` are parts of others. Nothing registers itself, so that the order of imports
does not matter.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib import import_module
from inspect import isabstract
from itertools import pairwise
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType

from destinations import adapters as adapters_package
from destinations import field_changes
from destinations.advanced import BadSettings, clean
from destinations.contract import JSON, Adapter, Field, Kind, Limits, Mode, ObjectType, Option, Setting
from destinations.errors import ContractBroken

SETTING_KINDS = ("text", "url", "integer", "number", "choice")
_SECRETS = ("client_id", "client_secret")  # of an app to sign in with
KEY_LENGTH = 40  # Connection.destination


class UnknownDestination(LookupError):
    """No adapter has this key; the message names those that there are."""


@cache
def adapters() -> Mapping[str, type[Adapter]]:
    """Every destination by its key, in the order of their labels. ContractBroken where one has bad facts."""
    return MappingProxyType(load(adapters_package))


def adapter(key: str) -> type[Adapter]:
    """The destination with this key. Raises UnknownDestination."""
    try:
        return adapters()[key]
    except KeyError:
        known = ", ".join(sorted(adapters()))
        raise UnknownDestination(f"There is no destination “{key}”; there are {known}.") from None


def load(package: ModuleType) -> dict[str, type[Adapter]]:
    """The adapters in a package's modules by key, in the order of their labels."""
    found: list[type[Adapter]] = []
    for name in sorted(module.name for module in iter_modules(package.__path__)):
        if name.startswith("_"):
            continue
        candidate = getattr(import_module(f"{package.__name__}.{name}"), "Adapter", None)
        if not (isinstance(candidate, type) and issubclass(candidate, Adapter)):
            raise ContractBroken(f"adapters/{name}.py has no class Adapter of the contract.")
        faults = list(faults_of(candidate))
        if not faults and candidate.key != name:
            faults.append(f"the key is “{candidate.key}”, but must be the module's name")
        if faults:
            raise ContractBroken(f"adapters/{name}.py: {'; '.join(faults)}.")
        found.append(candidate)
    return {one.key: one for one in sorted(found, key=lambda one: (one.label.lower(), one.key))}


def remember_fields(
    known: Mapping[str, JSON], object_key: str, fields: list[Field], *, fetched_at: datetime
) -> dict[str, JSON]:
    """What to keep in `Connection.fields` once an object's fields were fetched, with what changed. JSON."""
    entry: dict[str, JSON] = {
        "fetched_at": fetched_at.isoformat(),
        "fields": [asdict(field) for field in fields],
    }
    before = remembered_fields(known, object_key)
    if before is not None:
        told = known[object_key].get("changes", ())
        entry["changes"] = field_changes.remember(told, before, fields, at=fetched_at)
    return {**known, object_key: entry}


def changes_since(
    known: Mapping[str, JSON], object_key: str, moment: datetime | None
) -> dict[str, list[str]]:
    """What became of the object's fields after the moment: by key, to be read after the field's name."""
    return field_changes.since(known.get(object_key, {}).get("changes", ()), moment)


def remembered_fields(known: Mapping[str, JSON], object_key: str) -> list[Field] | None:
    """The fields of an object as they were last fetched; None where they never were."""
    if object_key not in known:
        return None
    return [
        Field(
            **{
                **kept,
                "kind": Kind(kept["kind"]),
                "options": tuple(
                    Option(**{**option, "aliases": tuple(option.get("aliases", ()))})
                    for option in kept["options"]
                ),
            }
        )
        for kept in known[object_key]["fields"]
    ]


def faults_of(candidate: type[Adapter]) -> Iterator[str]:
    """What is wrong with an adapter's facts. Nothing: they are sound."""
    lacking = [
        name
        for name in ("key", "label", "base_url", "docs_url", "auths", "limits", "objects")
        if not hasattr(candidate, name)
    ]
    if lacking:
        yield f"{', '.join(lacking)} is not declared"
        return
    if isabstract(candidate):
        yield f"{', '.join(sorted(candidate.__abstractmethods__))} is not written"
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{KEY_LENGTH - 1}}}", candidate.key):
        yield f"the key “{candidate.key}” is not a short word of a-z, 0-9 and _"
    if not candidate.label:
        yield "the label is empty"
    for name in ("base_url", "docs_url"):
        if not getattr(candidate, name).startswith("https://"):
            yield f"{name} does not begin with https://"
    if not candidate.setup_steps:
        yield "there are no setup steps"
    yield from _repeated("scope", [scope.name for scope in candidate.scopes])
    yield from _faults_of_limits(candidate.limits)
    yield from _faults_of_settings(candidate)
    yield from _repeated("remedy", [remedy.problem for remedy in candidate.remedies])
    for remedy in candidate.remedies:
        try:
            re.compile(remedy.pattern)
        except re.error as error:
            yield f"the pattern of the remedy {remedy.problem} is broken ({error})"
    yield from _repeated("problem", [one.code for one in candidate.problems])
    for unexplained in {one.problem for one in candidate.remedies} - {one.code for one in candidate.problems}:
        yield f"the problem {unexplained} is not explained"
    who = {one.code: one.who for one in candidate.problems}
    for remedy in candidate.remedies:
        if who.get(remedy.problem, remedy.who) != remedy.who:
            yield f"the remedy and the explanation of {remedy.problem} name different people"
    if not candidate.objects:
        yield "there are no objects"
    yield from _repeated("object", [one.key for one in candidate.objects])
    for one in candidate.objects:
        for fault in (*_faults_of_object(one, candidate.objects), *_faults_of_packings(candidate, one)):
            yield f"object {one.key}: {fault}"


def _faults_of_object(one: ObjectType, objects: tuple[ObjectType, ...]) -> Iterator[str]:
    if not one.key or not one.label:
        yield "key or label is empty"
    if not one.upsert_keys:
        yield "there is no upsert key"
    yield from _repeated("upsert key", list(one.upsert_keys))
    if not one.modes:
        yield "there is no mode"
    for mode in Mode:
        if mode in one.modes and mode in one.missing_modes:
            yield f"the mode {mode} is declared and missing at once"
        if mode not in one.modes and not one.missing_modes.get(mode):
            yield f"the mode {mode} is missing without a reason"
    for (mode, key), fields in one.required.items():
        if mode not in one.modes or key not in one.upsert_keys:
            yield f"required fields are given for {mode} by {key}, which is not declared"
        elif mode is not Mode.INSERT and key not in fields:
            yield f"the required fields for {mode} by {key} leave out the key"
        elif (mode, key) in one.missing_keys:
            yield f"required fields are given for {mode} by {key}, which is missing"
    for mode, key in one.missing_keys:
        if mode not in one.modes or key not in one.upsert_keys:
            yield f"{mode} by {key} is missing with a reason, but not declared"
    for mode in sorted(one.modes):
        if one.upsert_keys and not one.keys_for(mode):
            yield f"the mode {mode} has no upsert key"
    for key, most in one.finds.items():
        if key not in one.upsert_keys or most < 1:
            yield f"it is looked up by {key}, which is no upsert key, or by none of them at a time"
    if one.remote_id_key and one.remote_id_key not in one.upsert_keys:
        yield f"the key of its remote id, {one.remote_id_key}, is no upsert key"
    if Mode.UPDATE in one.modes:
        for key in one.keys_for(Mode.UPDATE):
            if key != one.remote_id_key and key not in one.finds:
                yield f"an update by {key} must look records up, and no look-up is declared"
    yield from _repeated("seed", list(one.seeds))
    companion = one.companion
    if companion is None:
        return
    if not companion.prefix or not companion.label or not companion.fallback_field:
        yield "its companion has no prefix, label or fallback field"
    other = next((found for found in objects if found.key == companion.object), None)
    if other is None or other is one:
        yield f"its companion {companion.object} is no other object"
    elif companion.key_field not in other.upsert_keys:
        yield f"its companion's key {companion.key_field} is no upsert key of {other.key}"


def _faults_of_packings(candidate: type[Adapter], one: ObjectType) -> Iterator[str]:
    """The largest first, each worth while sooner than the one before, the last from one operation on."""
    settings = {setting.key: setting.default for setting in candidate.settings}
    for mode in sorted(one.modes):
        packings = candidate.packings(one, mode, settings)
        if not packings or packings[-1].least != 1:
            yield f"no packing takes a single operation in mode {mode}"
        if any(not 1 <= packing.per_call <= packing.per_batch for packing in packings):
            yield f"a batch in mode {mode} holds less than a call"
        for larger, smaller in pairwise(packings):
            if not (larger.per_call > smaller.per_call and larger.least > smaller.least):
                yield f"the packings in mode {mode} do not go from the largest to the smallest"


def _faults_of_limits(limits: Limits) -> Iterator[str]:
    if any(window.requests < 1 or window.seconds <= 0 for window in limits.windows):
        yield "a window allows nothing"
    if not 1 <= limits.default_concurrency <= limits.concurrency:
        yield "the default concurrency is not between 1 and the concurrency"
    if limits.operations_per_call < 1 or limits.bytes_per_call < 1:
        yield "a call can hold nothing"
    if limits.timeout_seconds <= 0 or limits.settle_seconds < 0 or limits.poll_deadline_seconds <= 0:
        yield "a time is not positive"
    if not 0 < limits.poll_seconds[0] <= limits.poll_seconds[1]:
        yield "the pauses between two looks do not grow"


def _faults_of_settings(candidate: type[Adapter]) -> Iterator[str]:
    key, oauth = candidate.api_key(), candidate.oauth()
    if oauth is not None and oauth.host_setting not in [setting.key for setting in candidate.settings]:
        yield f"the setting {oauth.host_setting}, which names where people sign in, is not declared"
    yield from _repeated("setting", [setting.key for setting in candidate.settings])
    for setting in candidate.settings:
        if setting.kind not in SETTING_KINDS:
            yield f"setting {setting.key}: there is no kind {setting.kind}"
        elif setting.key in _SECRETS or (key is not None and setting.key == key.field):
            yield f"setting {setting.key}: this is the name of the secret"
        elif fault := _fault_of_default(setting):
            yield f"setting {setting.key}: its default {fault}"
    if (
        candidate.limits_for({setting.key: setting.default for setting in candidate.settings})
        != candidate.limits
    ):
        yield "the settings' defaults give other limits than those declared"


def _fault_of_default(setting: Setting) -> str:
    if setting.default is None:
        return ""
    try:
        cleaned = clean([setting], {setting.key: setting.default})
    except BadSettings as error:
        return str(error)
    return "is spelled in another way than it would be kept" if cleaned else ""


def _repeated(what: str, keys: list[str]) -> Iterator[str]:
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield f"the {what} {key} is declared twice"
