"""The table of roles that is shown is the one that every page of a team asks."""

from django.urls import URLPattern, URLResolver, get_resolver

from syncadmin.teams.access import RANKS, Can, Role


def pages_of_teams():
    """(address, view) of everything below /t/<team>/."""

    def walk(resolver, before):
        for one in resolver.url_patterns:
            address = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one, address)
            elif isinstance(one, URLPattern):
                yield address, one.callback

    return [(address, view) for address, view in walk(get_resolver(), "") if "<slug:team>" in address]


def test_every_page_of_a_team_asks_a_line_of_the_table():
    pages = [(address, view) for address, view in pages_of_teams() if address.startswith("t/")]
    assert len(pages) > 80
    assert [address for address, view in pages if not isinstance(getattr(view, "needs", None), Can)] == []


def test_every_line_of_the_table_is_asked_somewhere_and_says_something_of_its_own():
    asked = {getattr(view, "needs", None) for _, view in pages_of_teams()}
    within = {Can.SEE_PEOPLE}  # of parts of pages
    assert set(Can) - asked - within == set()
    assert len({can.words for can in Can}) == len(Can)


def test_each_role_may_do_all_that_those_below_it_may():
    for can in Can:
        assert Role.OWNER in can.roles()
        assert all(RANKS[role] >= RANKS[can.role] for role in can.roles())
