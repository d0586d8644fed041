"""Digests and fingerprints are for ever: another one would send everything again, or lose what was sent.

If one of these tests fails after an upgrade, do not change its numbers: a ledger holds the old ones.
"""

from syncs.engine import keys


def test_the_key_of_a_row_is_fixed() -> None:
    assert keys.row_key("42").hex() == "b080ccd44c7163e91217cb28c0ef2191"
    assert keys.row_key("").hex() == "99aa06d3014798d86001c324468d497f"
    assert keys.row_key("Zoë 🦊").hex() == "d4d14a6fb200d637104ebc60a03cc8c7"
    assert keys.row_keys(["42", "", "Zoë 🦊"]) == [keys.row_key(text) for text in ("42", "", "Zoë 🦊")]


def test_the_text_of_a_compound_key_is_fixed() -> None:
    assert keys.compound(["a", "1"]) == '["a","1"]'
    assert keys.compound(['"', "é", "\n"]) == '["\\"","é","\\n"]'
    assert keys.compound(["a,b"]) != keys.compound(["a", "b"])


def test_a_companion_has_a_key_in_a_space_of_its_own() -> None:
    assert keys.companion_key("acme.com").hex() == "0a226a3d819f90a2c0950c512c163d61"
    assert keys.companion_key("acme.com") != keys.row_key("acme.com")
    assert keys.ledger_key("acme.com", 1) == keys.companion_key("acme.com")
    assert keys.ledger_key("acme.com", 0) == keys.row_key("acme.com")


def test_fingerprints_are_fixed() -> None:
    seed = keys.layout_seed([("email", "leave"), ("title", "clear")])
    lines = [b'["1","a@b.com","a@b.com",null]', b'["1","a@b.com","a@b.com","VP"]']

    assert seed == 10_946_989_449_478_587_037
    assert keys.fingerprints(lines, seed) == [-7_708_155_163_680_107_870, 3_373_859_506_715_186_931]


def test_fingerprints_know_fields_policies_and_their_order() -> None:
    layouts = [
        [("email", "leave"), ("title", "leave")],
        [("email", "leave"), ("title", "clear")],
        [("title", "leave"), ("email", "leave")],
        [("email", "leave")],
    ]
    seeds = [keys.layout_seed(layout) for layout in layouts]

    assert len({*seeds}) == 4
    assert len({keys.fingerprints([b"[]"], seed)[0] for seed in seeds}) == 4


def test_all_numbers_fit_a_signed_column() -> None:
    lines = [str(number).encode() for number in range(2_000)]
    found = keys.fingerprints(lines, 1)

    assert all(-(2**63) <= number < 2**63 for number in found)
    assert min(found) < 0 < max(found)


def test_digests_of_upsert_keys_are_fixed() -> None:
    assert keys.match_digests(["a@b.com", ""]) == [
        bytes.fromhex("ebae3ad676b8fad5"),
        bytes.fromhex("2d06800538d394c2"),
    ]
