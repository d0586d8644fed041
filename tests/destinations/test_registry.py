"""Destinations are found by looking, and one with bad facts is not loaded."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import orjson
import pytest

from destinations import registry
from destinations.adapters import qualified
from destinations.contract import (
    Adapter,
    Companion,
    Field,
    Kind,
    Limits,
    Mode,
    ObjectType,
    Option,
    Packing,
    Problem,
    Remedy,
    Scope,
    Setting,
    Who,
    Window,
)
from destinations.errors import ContractBroken
from destinations.registry import UnknownDestination, faults_of

MODULE = """
from destinations.adapters import qualified

class Adapter(qualified.Adapter):
    key = "{key}"
    label = "{label}"
"""

Package = Callable[..., Any]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes a package of the given modules, by name and text."""

    def make(**modules: str) -> Any:
        folder = tmp_path / "made_adapters"
        folder.mkdir()
        for name, text in {"__init__": "", **modules}.items():
            (folder / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        for name in [name for name in sys.modules if name.startswith("made_adapters")]:
            monkeypatch.delitem(sys.modules, name)
        invalidate_caches()
        return import_module("made_adapters")

    return make


def faults(**facts: Any) -> list[str]:
    """What is wrong with Qualified's adapter once these facts are others."""
    return list(faults_of(type("Adapter", (qualified.Adapter,), facts)))


# Finding


def test_qualified_is_found_and_its_facts_are_sound() -> None:
    assert registry.adapter("qualified") is qualified.Adapter
    assert faults() == []


def test_every_file_of_adapters_is_a_destination_or_a_part_of_one() -> None:
    folder = Path(qualified.__file__).parent
    names = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}

    assert set(registry.adapters()) == names


def test_what_was_found_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        registry.adapters()["other"] = qualified.Adapter  # type: ignore[index]


def test_an_unknown_destination_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UnknownDestination, match=r"no destination “qualifed”; there are .*qualified"):
        registry.adapter("qualifed")


@pytest.mark.parametrize("first", ["beta", "alpha"])
def test_the_order_is_that_of_the_labels_whatever_was_imported_first(package: Package, first: str) -> None:
    made = package(
        beta=MODULE.format(key="beta", label="A service"),
        alpha=MODULE.format(key="alpha", label="b service"),
        _parts="raise RuntimeError('a part must not be taken for a destination')",
    )
    import_module(f"made_adapters.{first}")

    assert list(registry.load(made)) == ["beta", "alpha"]


def test_a_file_without_an_adapter_is_our_bug(package: Package) -> None:
    with pytest.raises(ContractBroken, match=r"adapters/empty\.py has no class Adapter"):
        registry.load(package(empty="Adapter = 7"))


def test_a_key_is_the_name_of_its_file_and_so_never_there_twice(package: Package) -> None:
    same = MODULE.format(key="one", label="One")

    with pytest.raises(
        ContractBroken, match=r"adapters/two\.py: the key is “one”, but must be the module's name"
    ):
        registry.load(package(one=same, two=same))


def test_bad_facts_stop_the_load_and_name_the_file(package: Package) -> None:
    text = MODULE.format(key="bare", label="Bare") + "    objects = ()\n    docs_url = 'http://x.test'\n"

    with pytest.raises(ContractBroken) as caught:
        registry.load(package(bare=text))

    assert str(caught.value) == (
        "adapters/bare.py: docs_url does not begin with https://; there are no objects."
    )


# Facts

LEADS, COMPANIES = qualified.Adapter.objects
LIMITS = qualified.Adapter.limits


def test_an_adapter_with_nothing_declared_is_told_what_it_lacks() -> None:
    bare: Any = type("Adapter", (Adapter,), {"key": "bare"})

    assert list(faults_of(bare)) == ["label, base_url, docs_url, auths, limits, objects is not declared"]


def test_an_adapter_with_code_left_out_is_told() -> None:
    names = ("key", "label", "base_url", "docs_url", "auths", "limits", "objects", "setup_steps")
    facts = {name: getattr(qualified.Adapter, name) for name in names}
    bare: Any = type("Adapter", (Adapter,), facts)

    assert list(faults_of(bare)) == ["check, fields, send is not written"]


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"key": "Qualified!"}, "the key “Qualified!” is not a short word"),
        ({"key": "q" * 41}, "is not a short word"),
        ({"label": ""}, "the label is empty"),
        ({"setup_steps": ()}, "there are no setup steps"),
        ({"scopes": (Scope("a", "b"), Scope("a", "c"))}, "the scope a is declared twice"),
        ({"remedies": (Remedy("x", "(", Who.DATA, "y"),)}, "the pattern of the remedy x is broken"),
        ({"problems": ()}, "the problem missing_scope is not explained"),
        ({"problems": (Problem("x", "t", "e", "a", Who.DATA),) * 2}, "the problem x is declared twice"),
        (
            {"problems": (Problem("missing_scope", "t", "e", "a", Who.DATA),)},
            "the remedy and the explanation of missing_scope name different people",
        ),
    ],
)
def test_a_bad_fact_is_told(facts: dict[str, Any], fault: str) -> None:
    assert any(fault in told for told in faults(**facts))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"label": ""}, "key or label is empty"),
        ({"upsert_keys": ()}, "there is no upsert key"),
        ({"upsert_keys": ("email", "email")}, "the upsert key email is declared twice"),
        ({"modes": frozenset()}, "there is no mode"),
        ({"missing_modes": {}}, "the mode insert is missing without a reason"),
        ({"missing_modes": {Mode.INSERT: "no"}}, "the mode update is missing without a reason"),
        ({"modes": frozenset(Mode)}, "the mode insert is declared and missing at once"),
        ({"required": {(Mode.INSERT, "email"): ("email",)}}, "required fields are given for insert by email"),
        ({"required": {(Mode.UPSERT, "phone"): ("phone",)}}, "required fields are given for upsert by phone"),
        ({"required": {(Mode.UPSERT, "email"): ("title",)}}, "for upsert by email leave out the key"),
        ({"missing_keys": {(Mode.INSERT, "email"): "no"}}, "insert by email is missing with a reason"),
        ({"missing_keys": {(Mode.UPSERT, "email"): "no"}}, "the mode upsert has no upsert key"),
        ({"finds": {"phone": 1}}, "it is looked up by phone"),
        ({"finds": {"email": 0}}, "by none of them at a time"),
        ({"remote_id_key": "id"}, "the key of its remote id, id, is no upsert key"),
        ({"modes": frozenset(Mode), "missing_modes": {}}, "an update by email must look records up"),
        ({"seeds": ("email", "email")}, "the seed email is declared twice"),
        ({"companion": Companion("", "companies", "domain", "email", "Company")}, "has no prefix"),
        ({"companion": Companion("c.", "firms", "domain", "email", "Company")}, "firms is no other object"),
        ({"companion": Companion("c.", "leads", "email", "email", "Lead")}, "leads is no other object"),
        ({"companion": Companion("c.", "companies", "name", "email", "Company")}, "name is no upsert key"),
    ],
)
def test_a_bad_fact_of_an_object_is_told(change: dict[str, Any], fault: str) -> None:
    told = faults(objects=(replace(LEADS, **change), COMPANIES))

    assert any(one.startswith("object leads: ") and fault in one for one in told)


@pytest.mark.parametrize(
    ("packings", "fault"),
    [
        ((), "no packing takes a single operation in mode upsert"),
        ((Packing(10, 10, least=2),), "no packing takes a single operation in mode upsert"),
        ((Packing(10, 5),), "a batch in mode upsert holds less than a call"),
        ((Packing(1, 5, least=3), Packing(10, 10)), "do not go from the largest to the smallest"),
        ((Packing(10, 10), Packing(1, 5)), "do not go from the largest to the smallest"),
        ((Packing(10, 10, least=3), Packing(1, 5)), ""),
    ],
)
def test_packings_that_cannot_be_chosen_from_are_told(packings: tuple[Packing, ...], fault: str) -> None:
    told = faults(packings=classmethod(lambda *_: packings))

    assert [one for one in told if one == f"object leads: {fault}" or fault in one] == told
    assert bool(told) == bool(fault)


def test_an_object_declared_twice_is_told() -> None:
    assert faults(objects=(COMPANIES, COMPANIES)) == ["the object companies is declared twice"]


def test_required_fields_that_name_the_key_are_sound() -> None:
    leads = replace(LEADS, required={(Mode.UPSERT, "email"): ("email", "last_name")})

    assert faults(objects=(leads, COMPANIES)) == []


def test_an_insert_may_go_without_the_upsert_key() -> None:
    leads = ObjectType(
        "leads",
        "Leads",
        ("email",),
        frozenset(Mode),
        required={(Mode.INSERT, "email"): ("last_name",)},
        finds={"email": 100},
    )

    assert faults(objects=(leads,)) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"windows": (Window(0, 60),)}, "a window allows nothing"),
        ({"windows": (Window(1, 0),)}, "a window allows nothing"),
        ({"default_concurrency": 11}, "the default concurrency is not between"),
        ({"operations_per_call": 0}, "a call can hold nothing"),
        ({"bytes_per_call": 0}, "a call can hold nothing"),
        ({"timeout_seconds": 0}, "a time is not positive"),
        ({"poll_seconds": (20, 15)}, "do not grow"),
    ],
)
def test_a_bad_limit_is_told(change: dict[str, Any], fault: str) -> None:
    limits: Limits = replace(LIMITS, **change)

    assert any(
        fault in told for told in faults(limits=limits, limits_for=classmethod(lambda cls, given: limits))
    )


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        (Setting("x", "X", kind="colour"), "setting x: there is no kind colour"),
        (Setting("api_key", "Key"), "setting api_key: this is the name of the secret"),
        (
            Setting("x", "X", kind="choice", default="a", choices=("b",)),
            "setting x: its default X: must be one of b.",
        ),
        (
            Setting("x", "X", kind="integer", default=0, minimum=1),
            "setting x: its default X: must be at least 1.",
        ),
        (
            Setting("x", "X", kind="url", default="https://x.test/"),
            "setting x: its default is spelled in another way",
        ),
    ],
)
def test_a_bad_setting_is_told(setting: Setting, fault: str) -> None:
    told = faults(settings=(setting,))

    assert any(one.startswith(fault) for one in told)


def test_a_setting_declared_twice_is_told() -> None:
    twice = (*qualified.Adapter.settings, qualified.Adapter.settings[0])

    assert faults(settings=twice) == ["the setting base_url is declared twice"]


def test_settings_whose_defaults_change_the_limits_are_told() -> None:
    assert faults(limits=replace(LIMITS, operations_per_call=499)) == [
        "the settings' defaults give other limits than those declared"
    ]


# Remembered fields


def test_fields_are_remembered_as_json_and_come_back_the_same() -> None:
    fields = [
        Field("email", "Email", Kind.EMAIL, required=True),
        Field("Stage__c", "Stage", Kind.PICKLIST, (Option("new", "New"),), custom=True),
        Field("company.name", "Company name", Kind.TEXT, group="Company", verified=False),
    ]
    before = {"companies": {"fetched_at": "2026-01-05T08:00:00+00:00", "fields": []}}
    at = datetime(2026, 1, 6, 8, tzinfo=UTC)

    kept = orjson.loads(orjson.dumps(registry.remember_fields(before, "leads", fields, fetched_at=at)))

    assert registry.remembered_fields(kept, "leads") == fields
    assert registry.remembered_fields(kept, "companies") == []
    assert registry.remembered_fields(kept, "people") is None
    assert kept["leads"]["fetched_at"] == "2026-01-06T08:00:00+00:00"
    assert "leads" not in before
