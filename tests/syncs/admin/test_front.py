"""The frame of the admin pages: the way in, the first page, the ways to the app and back, paging."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from destinations.models import Connection, RemoteAccount
from syncadmin.lib import history
from syncadmin.lib.history import list_of, page_of
from syncadmin.teams.models import Membership, Team, User
from syncs.models import RejectedRow, Run, Source, Sync
from tests.syncs.admin.history import HARM, make_row, make_run, make_sync
from tests.syncs.admin.test_pages import listed, text_of
from tests.syncs.admin.test_speed import queries

FRONT = "/admin/"


@pytest.fixture
def helper(db: None) -> Callable[..., User]:
    """Makes staff who may do these things and no others."""

    def make(*codenames: str) -> User:
        user = User.objects.create_user("helper@example.com", "correct horse", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return user

    return make


def shown_keys(client: Client, page: str) -> list[str]:
    """The ids of a list's rows, in their order."""
    return re.findall(r'name="_selected_action" value="(\d+)"', page)


# The way in


def test_the_staff_sign_in_on_the_apps_own_page(client: Client, staff: User):
    page = client.get(FRONT, follow=True)
    assert page.redirect_chain[-1][0] == "/admin/login/?next=/admin/"
    assert [template.name for template in page.templates][:1] == ["registration/login.html"]
    form = {"username": staff.email, "password": "correct horse", "next": FRONT}
    assert client.post("/admin/login/", form).headers["Location"] == FRONT
    assert client.get("/admin/login/").headers["Location"] == FRONT


def test_passwords_are_changed_on_the_apps_own_page(staff_client: Client):
    assert staff_client.get("/admin/password_change/").headers["Location"] == reverse("password_change")


def test_times_are_those_of_who_looks(sync: Sync, staff: User, staff_client: Client):
    run = make_run(sync=sync)
    User.objects.filter(pk=staff.pk).update(time_zone="Asia/Kolkata")
    for address in (FRONT, list_of(Run), page_of(run)):
        assert " IST" in text_of(staff_client.get(address).text)


def test_a_time_zone_that_does_not_exist_is_not_taken(staff: User, staff_client: Client):
    address = reverse("admin:teams_user_change", args=[staff.pk])
    assert staff_client.get(address).status_code == 200
    form = {"email": staff.email, "time_zone": "Mars/Base", "memberships-TOTAL_FORMS": 0}
    page = staff_client.post(address, form | {"memberships-INITIAL_FORMS": 0})
    assert "Mars/Base is not one of the available choices." in text_of(page.text)
    staff.refresh_from_db()
    assert staff.time_zone == "UTC"


# The first page


def test_the_first_page_begins_with_failed_records(sync: Sync, staff_client: Client):
    run = make_run(sync=sync, read_count=2, invalid_count=2)
    rows = [make_row(run=run, key=key) for key in "12"]
    make_row(run=run, key="3", stage="held_back")
    make_run(sync=sync, status="succeeded")
    page = staff_client.get(FRONT).text

    told = text_of(page).partition("What needs somebody")[2]
    places = [told.index(words) for words in ("Failed records", "leads #1", "Under way", "What is set up")]
    assert places == sorted(places)
    assert "leads #2" not in told
    linked = list_of(RejectedRow, run=run.public_id, stage="attention")
    assert f'<a href="{linked.replace("&", "&amp;")}">2</a>' in page
    assert listed(staff_client.get(linked).text) == len(rows)


def test_the_first_page_tells_what_does_not_work(sync: Sync, staff_client: Client):
    assert "All that were tested answered." in text_of(staff_client.get(FRONT).text)
    RemoteAccount.objects.update(down_since=sync.connection.created_at, down_reason=f"Down {HARM}.")
    Source.objects.update(health="attention", health_reason="The password is wrong.")
    make_run(sync=sync, status="delivering", waits_for="Waiting for the limit.")
    page = staff_client.get(FRONT).text
    told = text_of(page)
    assert "leads connection Acme Not answering Down" in told
    assert "leads source Acme Needs attention The password is wrong." in told
    assert "Waiting for the limit." in told
    assert "No worker is running" in told
    assert HARM not in page
    assert HARM in unescape(page)


def test_the_first_page_asks_as_often_for_much_as_for_little(team: Team, staff_client: Client):
    def fill(count: int) -> None:
        for _ in range(count):
            one = make_sync(team=team, name=f"sync {Sync.objects.count()}")
            make_row(run=make_run(sync=one))
            make_run(sync=one, status="delivering")
        Connection.objects.update(health="attention")
        Source.objects.update(health="attention")

    fill(1)
    queries(staff_client, FRONT)
    few = queries(staff_client, FRONT)
    fill(12)
    assert len(queries(staff_client, FRONT)) == len(few) <= 12


def test_staff_see_only_what_they_may_on_the_first_page(sync: Sync, client: Client, helper):
    run = make_run(sync=sync, read_count=1, invalid_count=1)
    make_row(run=run)
    Connection.objects.update(health="attention", health_reason="The key is wrong.")
    client.force_login(helper("view_connection"))
    page = client.get(FRONT).text
    assert "The key is wrong." in page
    assert "leads #1" not in text_of(page)
    for model in (Run, RejectedRow, User):
        assert f'href="{list_of(model)}"' not in page


def test_who_may_see_runs_but_no_rows_gets_numbers_without_links(sync: Sync, client: Client, helper):
    run = make_run(sync=sync, read_count=1, invalid_count=1)
    client.force_login(helper("view_run"))
    page = client.get(FRONT).text
    assert page_of(run) in page
    assert list_of(RejectedRow) not in page


def test_staff_who_may_nothing_are_told_whom_to_ask(client: Client, helper):
    client.force_login(helper())
    assert "You may not look at anything here." in text_of(client.get(FRONT).text)


# To the app and back


def test_pages_lead_to_the_teams_own_if_one_is_of_the_team(sync: Sync, staff: User, staff_client: Client):
    run = make_run(sync=sync)
    row = make_row(run=run)
    slug = run.team.slug
    there = {
        run: reverse("run", args=[slug, run.public_id]),
        row: reverse("run_row", args=[slug, run.public_id, row.public_id]),
        sync: reverse("sync", args=[slug, sync.public_id]),
        sync.model: reverse("model", args=[slug, sync.model.public_id]),
        sync.model.source: reverse("source", args=[slug, sync.model.source.public_id]),
        sync.connection: reverse("connection", args=[slug, sync.connection.public_id]),
    }
    for one, address in there.items():
        assert address not in staff_client.get(page_of(one)).text
    Membership.objects.create(team=run.team, user=staff, role=Membership.Role.VIEWER)
    for one, address in there.items():
        assert f'href="{address}"' in staff_client.get(page_of(one)).text
        assert f'href="{page_of(one)}">Admin</a>' in staff_client.get(address).text
    runs = staff_client.get(reverse("runs", args=[slug])).text
    assert f'href="{list_of(Run, team=run.team.public_id)}">Admin</a>' in runs


def test_alice_is_led_nowhere(sync: Sync, alice: User, client: Client):
    client.force_login(alice)
    page = client.get(reverse("run", args=[sync.team.slug, make_run(sync=sync).public_id])).text
    assert "/admin/" not in page


def test_staff_are_led_only_where_they_may_go(sync: Sync, client: Client, helper):
    user = helper("view_run")
    Membership.objects.create(team=sync.team, user=user, role=Membership.Role.VIEWER)
    client.force_login(user)
    page = client.get(reverse("sync", args=[sync.team.slug, sync.public_id])).text
    assert 'href="/admin/">Admin</a>' in page


# What can be done on a page


def test_a_row_is_sent_again_from_its_own_page(sync: Sync, staff_client: Client):
    row = make_row(run=make_run(sync=sync), key="7")
    assert "Send this row again" in staff_client.get(page_of(row)).text
    page = staff_client.post(page_of(row), {"_do": "send_again"}, follow=True)
    assert page.redirect_chain == [(page_of(row), 302)]
    assert "was queued to send 1 row again." in text_of(page.text)
    assert Run.objects.get(trigger="retry").keys == ["7"]


def test_a_run_is_cancelled_or_sent_again_from_its_own_page(sync: Sync, staff_client: Client):
    over = make_run(sync=sync, read_count=1, invalid_count=1)
    make_row(run=over, key="7")
    active = make_run(sync=sync, status="delivering")
    assert "Cancel this run" not in staff_client.get(page_of(over)).text
    assert staff_client.post(page_of(over), {"_do": "cancel_runs"}).status_code == 403
    staff_client.post(page_of(active), {"_do": "cancel_runs"})
    active.refresh_from_db()
    assert active.cancel_requested_at is not None


@pytest.mark.parametrize("stage", ["held_back", "left_behind"])
def test_what_needs_nobody_is_not_offered_to_be_sent(sync: Sync, staff_client: Client, stage: str):
    row = make_row(run=make_run(sync=sync), stage=stage)
    assert "Send this row again" not in staff_client.get(page_of(row)).text
    assert staff_client.post(page_of(row), {"_do": "send_again"}).status_code == 403


def test_who_may_only_look_can_do_nothing_on_a_page(sync: Sync, client: Client, helper):
    row = make_row(run=make_run(sync=sync))
    client.force_login(helper("view_rejectedrow", "view_run"))
    assert "Send this row again" not in client.get(page_of(row)).text
    assert client.post(page_of(row), {"_do": "send_again"}).status_code == 403
    assert client.post(page_of(row), {"_do": "delete"}).status_code == 403
    assert not Run.objects.filter(trigger="retry").exists()


# Pages of lists


@pytest.mark.parametrize(
    "narrowed", [{}, {"team": "team"}, {"run": "run"}, {"run": "run", "stage": "attention"}]
)
def test_every_row_of_a_list_is_on_one_page(sync: Sync, staff_client: Client, monkeypatch, narrowed: dict):
    monkeypatch.setattr(history.HistoryAdmin, "list_per_page", 3)
    run = make_run(sync=sync)
    for number in range(11):
        stage = ("invalid", "rejected", "in_doubt")[number % 3]
        make_row(run=run, key=str(number), stage=stage, problem=f"p{number % 2}")
    known = {"team": run.team.public_id, "run": run.public_id}
    address = list_of(RejectedRow, **{name: known.get(value, value) for name, value in narrowed.items()})

    seen, pages, here = [], [], address
    while here:
        page = staff_client.get(here).text
        seen += shown_keys(staff_client, page)
        pages.append(shown_keys(staff_client, page))
        found = re.search(r'<a href="([^"]+)" rel="next">', page)
        here = address.partition("?")[0] + unescape(found[1]) if found else ""
    assert len(seen) == len(set(seen)) == 11
    assert len(pages) == 4

    back = re.search(r'<a href="([^"]+)" rel="prev">', page)
    assert back is not None
    page = staff_client.get(address.partition("?")[0] + unescape(back[1])).text
    assert shown_keys(staff_client, page) == pages[2]


def test_a_place_that_is_gone_is_the_first_page(sync: Sync, staff_client: Client):
    make_row(run=make_run(sync=sync))
    for gone in ("00000000-0000-0000-0000-000000000000", "7", "x", ""):
        assert listed(staff_client.get(list_of(RejectedRow, older=gone)).text) == 1


def test_filters_and_search_begin_at_the_first_page(sync: Sync, staff_client: Client, monkeypatch):
    monkeypatch.setattr(history.HistoryAdmin, "list_per_page", 1)
    rows = [make_row(run=make_run(sync=sync), key=key) for key in "123"]
    page = staff_client.get(list_of(RejectedRow, older=rows[2].public_id)).text
    narrowing = re.findall(r'<li><a href="(\?[^"]*)"', page)
    assert narrowing
    assert not [link for link in narrowing if "older" in link]
    assert 'type="hidden" name="older"' not in page


def test_a_list_with_nothing_says_so(sync: Sync, staff_client: Client):
    assert "There is nothing here yet." in text_of(staff_client.get(list_of(RejectedRow)).text)
    assert "Nothing matches." in text_of(staff_client.get(list_of(RejectedRow, q="nobody")).text)


def test_cells_name_their_columns_for_a_phone(sync: Sync, staff_client: Client):
    make_row(run=make_run(sync=sync))
    page = staff_client.get(list_of(RejectedRow)).text
    assert '<th data-label="Record" class="field-record">' in page
    assert '<td data-label="Who acts" class="field-who_short">' in page
