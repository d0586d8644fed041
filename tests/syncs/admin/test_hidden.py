"""Personal data in the pages of the staff: hidden, shown once to who asks, and who asked is known."""

import zlib
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from destinations.contract import Outcome, Verdict
from destinations.models import Exchange
from syncadmin.lib import personal
from syncadmin.lib.history import list_of, page_of
from syncadmin.teams.models import User
from syncs.engine import reasons
from syncs.engine.journal import Journal, Out
from syncs.engine.plan import Clash, Twin
from syncs.models import Batch, RejectedRow, Run, Sync
from syncs.views import told
from tests.syncs.admin.history import make_batch, make_exchange, make_row, make_run, make_sync
from tests.syncs.admin.test_pages import asked, listed, text_of, walk
from tests.syncs.engine.scene import Scene

# Each stands for Ann, and must be on no page that nobody asked for.
ANN = ("ann.larsson@acme.com", "Larsson", "ANN-7781", "Västra gatan", "7745123", "lead-of-ann")
BODY = (
    '{"items": [{"email": "ann.larsson@acme.com", "fields": {"name": "Larsson", "street": "Västra gatan", '
    '"no": 7745123}}], "by_email": {"ann.larsson@acme.com": {"id": "lead-of-ann"}}}'
)


@pytest.fixture
def ann(sync: Sync) -> Run:
    """A run in which everything tells of Ann."""
    run = make_run(
        sync=sync,
        keys=["ANN-7781"],
        notes=['Row "ANN-7781" was tidied.'],
        stop_reason='Refused alike: “ann.larsson@acme.com is taken by "Larsson"”',
        waits_for="ann.larsson@acme.com",
        read_count=4,
        invalid_count=4,
    )
    settled = make_batch(
        run=run,
        keys=["ANN-7781"],
        outcomes={0: Outcome(Verdict.REJECTED, "ANN-7781 is known as personANN-7781@acme.com", "title")},
    )
    Batch.objects.filter(pk=settled.pk).update(last_error='"Larsson" was refused')
    accepted = make_batch(
        run=run, keys=["ANN-7781"], outcomes={0: Outcome(Verdict.ACCEPTED, remote_id="lead-of-ann")}
    )
    open_ = make_batch(run=run, keys=["ANN-7781"])
    journal = Journal(
        1, [Out(at=[0], state={"of": "lead-of-ann"}, since="2026-03-04T05:06:07+00:00", refusal='"Larsson"')]
    )
    Batch.objects.filter(pk=open_.pk).update(status="sending", journal=journal.write())
    for stage, reason in (
        ("invalid", 'Name: "Larsson" is too long. No: 7745123 is too large.'),
        ("rejected", "Larsson of Västra gatan exists as ann.larsson@acme.com."),
        ("in_doubt", "It may have arrived or not: Larsson."),
        ("left_behind", "The Email of this row was larsson.se and is ann.larsson@acme.com now. Merge them."),
    ):
        make_row(
            run=run,
            key="ANN-7781",
            match_key="ann.larsson@acme.com",
            stage=stage,
            problem=stage,
            reason=reason,
            payload={"email": "ann.larsson@acme.com", "name": "Larsson", "s": "Västra gatan", "no": 7745123},
            batch_number=settled.number,
        )
    for batch in (settled, accepted):
        make_exchange(
            run=run,
            batch=batch,
            url="https://api.example.com/v2/leads/ann.larsson%40acme.com?name=Larsson",
            error='The answer for "Larsson" was cut off.',
            reply_headers={"Location": "/leads/ann.larsson@acme.com"},
            request_body=zlib.compress(BODY.encode()),
            reply_body=zlib.compress(BODY[:-60].encode()),
        )
    sync.model.sql = "select * from people where email = 'ann.larsson@acme.com'"
    sync.model.save()
    return run


def found_in(page: str) -> list[str]:
    return [one for one in (*ANN, *(one.lower() for one in ANN)) if one in unescape(page)]


def test_no_page_tells_of_ann_before_somebody_asks(ann: Run, staff_client: Client):
    models = (Run, Batch, RejectedRow, Exchange, Sync)
    pages = walk(staff_client, reverse("admin:index"), *(list_of(model) for model in models))
    for one in (ann, *Batch.objects.all(), *RejectedRow.objects.all(), *Exchange.objects.all()):
        assert page_of(one) in pages
    for address, page in pages.items():
        assert not found_in(page), address


def test_a_page_shows_her_to_who_asks_and_hides_her_again(ann: Run, staff_client: Client):
    row = RejectedRow.objects.get(stage="rejected")
    shown = text_of(asked(staff_client, page_of(row)))
    for told_of_her in ("ANN-7781", "Larsson of Västra gatan exists as ann.larsson@acme.com", "7745123"):
        assert told_of_her in shown
    assert "Personal data is shown on this page, this once." in shown
    for other in (row, ann, RejectedRow.objects.get(stage="invalid")):
        assert not found_in(staff_client.get(page_of(other)).text)


@pytest.mark.parametrize("model", [RejectedRow, Batch, Exchange, Run])
def test_every_page_that_hides_can_be_asked(ann: Run, staff_client: Client, model):
    for one in model.objects.all():
        assert "Show personal data" in staff_client.get(page_of(one)).text
        assert found_in(asked(staff_client, page_of(one)))


@pytest.mark.parametrize("model", [RejectedRow, Exchange])
def test_a_list_can_be_asked_and_keeps_its_filters(ann: Run, staff_client: Client, model):
    address = list_of(model, team=ann.team.public_id)
    page = asked(staff_client, address)
    assert found_in(page)
    assert listed(page) == model.objects.count()
    assert not found_in(staff_client.get(address).text)


def test_pages_that_hide_nothing_offer_nothing(ann: Run, staff_client: Client):
    for one in (ann.sync, ann.sync.connection, ann.sync.model.source):
        assert "Show personal data" not in staff_client.get(page_of(one)).text
        assert staff_client.post(page_of(one), {"_personal": "1"}).status_code == 403
    assert not LogEntry.objects.exists()


def test_a_query_that_names_her_can_be_asked_for(ann: Run, staff_client: Client):
    assert "ann.larsson@acme.com" in asked(staff_client, page_of(ann.sync.model))


def test_who_asked_for_what_is_written_down_for_the_staff_to_see(ann: Run, staff: User, staff_client: Client):
    row = RejectedRow.objects.get(stage="rejected")
    asked(staff_client, page_of(row))
    asked(staff_client, list_of(RejectedRow, stage="rejected", q="ANN-7781"))

    one, many = LogEntry.objects.order_by("pk")
    assert (one.user, one.get_edited_object(), one.change_message) == (staff, row, "Personal data shown.")
    assert many.user == staff
    assert many.change_message == (
        f"Personal data shown in the list ?stage=rejected. It was found by a search. "
        f"Of these: {row.public_id}."
    )
    for address in (page_of(row) + "history/", reverse("admin:admin_logentry_changelist")):
        page = staff_client.get(address.replace("/change/history/", "/history/")).text
        assert "Personal data shown" in page
        assert staff.email in page
        assert not found_in(page)


def test_looking_is_written_down_before_the_page_is_made(ann: Run, staff_client: Client, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("The log cannot be written.")

    monkeypatch.setattr(LogEntry, "save", refuse)
    for address in (page_of(ann), list_of(RejectedRow)):
        with pytest.raises(RuntimeError):
            staff_client.post(address, {"_personal": "1"})


def test_a_plain_link_shows_nothing(ann: Run, staff_client: Client):
    for address in (page_of(ann), list_of(RejectedRow)):
        assert not found_in(staff_client.get(address, {"_personal": "1"}, follow=True).text)
    assert not LogEntry.objects.exists()


def test_a_page_of_another_site_cannot_ask(ann: Run, staff: User):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    for address in (page_of(ann), list_of(RejectedRow)):
        answer = client.post(address, {"_personal": "1"})
        assert answer.status_code == 403
        assert not found_in(answer.text)
    assert not LogEntry.objects.exists()


def test_who_may_not_look_at_rows_cannot_ask_for_them(ann: Run, client: Client):
    helper = User.objects.create_user("helper@example.com", "correct horse", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_run"))
    client.force_login(helper)
    row = RejectedRow.objects.first()
    for address in (page_of(row), list_of(RejectedRow)):
        answer = client.post(address, {"_personal": "1"})
        assert answer.status_code == 403
        assert not found_in(answer.text)
    assert not LogEntry.objects.exists()
    assert found_in(asked(client, page_of(ann)))


def test_alice_who_is_no_staff_cannot_ask(ann: Run, client: Client, alice: User):
    client.force_login(alice)
    assert client.post(page_of(ann), {"_personal": "1"}).status_code == 302
    assert not LogEntry.objects.exists()


def test_what_was_shown_is_kept_by_no_cache(ann: Run, staff_client: Client):
    answer = staff_client.post(page_of(ann), {"_personal": "1"})
    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]


def test_a_search_finds_her_by_her_whole_key_and_hides_her_still(ann: Run, staff_client: Client):
    make_row(run=ann, key="other")
    for term in ("ANN-7781", "Ann.Larsson@acme.com"):
        page = staff_client.get(list_of(RejectedRow, q=term)).text
        assert listed(page) == 4
        assert "Larsson of" not in page
    assert listed(staff_client.get(list_of(RejectedRow, q="ANN")).text) == 0


@pytest.mark.parametrize(
    "guess", ["key_text__startswith", "match_key__contains", "payload__name", "reason__icontains"]
)
def test_what_is_hidden_cannot_be_guessed_at(ann: Run, staff_client: Client, guess: str):
    assert staff_client.get(list_of(RejectedRow, **{guess: "A"})).status_code == 400


def test_who_looked_cannot_be_deleted_with_what_is_known_of_it(ann: Run, staff: User, client: Client):
    nosy = User.objects.create_superuser("nosy@example.com", "correct horse")
    client.force_login(nosy)
    asked(client, page_of(ann))
    client.force_login(staff)
    address = reverse("admin:teams_user_delete", args=[nosy.pk])
    assert client.post(address, {"post": "yes"}).status_code == 403
    entry = LogEntry.objects.get()
    assert client.post(page_of(entry), {"_personal": "1"}).status_code == 403
    assert client.post(reverse("admin:admin_logentry_delete", args=[entry.pk])).status_code == 403
    assert LogEntry.objects.get().user == nosy


def test_reasons_that_name_other_rows_do_not_tell_their_keys(sync: Sync):
    run = make_run(sync=sync)
    twins = [Twin(at, b"", f"KEY-{at}", "larsson.se", ("Larsson",)) for at in range(3)]
    rows = [
        *reasons.of_clash(run, 1, Clash(kept=twins[0], same=(twins[1],), different=()), ["name"], "Email"),
        *reasons.of_clash(run, 1, Clash(kept=None, same=(), different=tuple(twins[:2])), ["name"], "Email"),
        reasons.of_rekey(run, 1, "KEY-9", "larsson.se", "larsson.com", "Domain"),
    ]
    for row in rows:
        shown = told.reason(row)
        assert "[hidden]" in shown
        assert "KEY-" not in shown
        assert "larsson" not in shown
        with personal.shown():
            assert told.reason(row) == row.reason


def test_a_real_history_tells_of_nobody(scene: Scene, staff_client: Client):
    scene.finish()
    for address, page in walk(
        staff_client, *(list_of(m) for m in (Run, Batch, RejectedRow, Exchange))
    ).items():
        for number in range(1, 6):
            assert f"person{number}@acme.com" not in page, address
            assert f"Person {number}" not in page, address


def test_the_log_of_a_list_names_no_more_than_it_showed(team, sync: Sync, staff_client: Client):
    mine, other = make_run(sync=sync), make_run(sync=make_sync(team=team, name="other"))
    seen, unseen = make_row(run=mine), make_row(run=other)
    asked(staff_client, list_of(RejectedRow, run=mine.public_id))
    message = LogEntry.objects.get().change_message
    assert str(seen.public_id) in message
    assert str(unseen.public_id) not in message
