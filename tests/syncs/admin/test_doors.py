"""Who may see the history, and that looking is all that can be done."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from destinations.models import Connection, Exchange, RemoteAccount
from syncadmin.lib.history import list_of, page_of
from syncadmin.teams.models import User
from syncs.models import Batch, QueryModel, RejectedRow, Run, Source, Sync
from tests.syncs.admin.history import make_batch, make_exchange, make_row, make_run

MODELS = [Batch, Connection, Exchange, QueryModel, RejectedRow, RemoteAccount, Run, Source, Sync]


@pytest.fixture
def everything(sync: Sync) -> None:
    run = make_run(sync=sync)
    make_row(run=run)
    make_exchange(run=run, batch=make_batch(run=run, keys=["7"]))


@pytest.fixture
def helper(db: None) -> User:
    """Staff who may look at runs and at nothing else."""
    user = User.objects.create_user("helper@example.com", "correct horse", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_run"))
    return user


@pytest.mark.parametrize("model", MODELS)
def test_alice_is_sent_away(client: Client, alice: User, everything: None, model):
    client.force_login(alice)
    for address in (list_of(model), page_of(model.objects.get())):
        assert client.get(address).status_code == 302


@pytest.mark.parametrize("model", MODELS)
def test_staff_see_lists_and_pages(staff_client: Client, everything: None, model):
    for address in (list_of(model), page_of(model.objects.get())):
        assert staff_client.get(address).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_nobody_can_add_change_or_delete(staff_client: Client, everything: None, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    one = model.objects.get()
    assert staff_client.get(reverse(f"{name}_add")).status_code == 403
    assert staff_client.post(page_of(one), {"name": "x"}).status_code == 403
    assert staff_client.post(reverse(f"{name}_delete", args=[one.pk]), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in staff_client.get(list_of(model)).text
    assert model.objects.get() == one


def test_staff_see_only_what_they_may(client: Client, helper: User, everything: None):
    client.force_login(helper)
    assert client.get(list_of(Run)).status_code == 200
    assert client.get(list_of(RejectedRow)).status_code == 403
    assert client.get(page_of(RejectedRow.objects.get())).status_code == 403


def test_who_may_only_look_is_offered_no_action(client: Client, helper: User, everything: None):
    helper.user_permissions.add(Permission.objects.get(codename="view_rejectedrow"))
    client.force_login(helper)
    for model in (Run, RejectedRow):
        one = model.objects.get()
        assert "send_again" not in client.get(list_of(model)).text
        client.post(list_of(model), {"action": "send_again", "_selected_action": [one.pk]})
    assert Run.objects.count() == 1


def test_tables_with_keys_of_several_columns_are_left_out(staff_client: Client):
    page = staff_client.get(reverse("admin:index")).text
    assert "Ledger" not in page
    assert "Planned row" not in page


@pytest.mark.parametrize("name", ["00000000-0000-0000-0000-000000000000", "999999", "x", "12-x"])
@pytest.mark.parametrize("model", MODELS)
def test_a_page_that_is_not_there_leads_home(staff_client: Client, db: None, model, name: str):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[name])
    assert staff_client.get(address).status_code == 302
