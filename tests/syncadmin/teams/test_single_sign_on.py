"""Single sign-on: Alice owns acme, whose people come in by a provider that can lie; Charlie is of globex."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import RSAKey

from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import AuditEntry, Identity, Membership, SingleSignOn, Team, User

ISSUER = "https://acme.idp.test"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}, private=True)
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}, private=True)
SECRET = "the client secret of acme"


@dataclass
class Provider:
    """What it publishes and signs; `claims` and the rest can be made to lie."""

    wire: responses.RequestsMock
    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: KEY)
    header: dict[str, str] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    person: dict[str, Any] | None = None
    description: dict[str, Any] = field(default_factory=dict)
    id_token: str | None = None
    asked: dict[str, str] = field(default_factory=dict)
    nonce: str = ""
    challenge: str = ""

    def publish(self) -> None:
        told = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/me",
        }
        keys = {"keys": [KEY.as_dict(private=False)]}
        self.wire.get(f"{ISSUER}/.well-known/openid-configuration", json=told | self.description)
        self.wire.get(f"{ISSUER}/keys", json=keys)
        self.wire.add_callback(responses.POST, f"{ISSUER}/token", self._token)
        self.wire.add_callback(responses.GET, f"{ISSUER}/me", self._me)

    def _token(self, request: Any) -> tuple[int, dict[str, str], str]:
        self.asked = {name: values[0] for name, values in parse_qs(request.body).items()}
        basic = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        assert basic.startswith("syncadmin:")
        made = base64.urlsafe_b64encode(hashlib.sha256(self.asked["code_verifier"].encode()).digest())
        assert made.rstrip(b"=").decode() == self.challenge
        return 200, {}, json.dumps({"access_token": "at", "token_type": "Bearer", "id_token": self.signed()})

    def _me(self, request: Any) -> tuple[int, dict[str, str], str]:
        assert request.headers["Authorization"] == "Bearer at"
        return 200, {}, json.dumps(self.person or {"sub": self.says()["sub"]})

    def says(self) -> dict[str, Any]:
        now = int(time())
        usual = {
            "iss": ISSUER,
            "aud": "syncadmin",
            "sub": "00u1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "dana@acme.com",
            "email_verified": True,
            "name": "Dana Roe",
        }
        return {name: value for name, value in (usual | self.claims).items() if value is not None}

    def signed(self) -> str:
        if self.id_token is not None:
            return self.id_token
        return jwt.encode(self.header, self.says(), self.key, algorithms=[self.header["alg"]])


@pytest.fixture
def provider() -> Iterator[Provider]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield Provider(wire)


@pytest.fixture
def kept(team: Team) -> SingleSignOn:
    made = SingleSignOn(
        team=team,
        issuer=ISSUER,
        client_id="syncadmin",
        domains=["acme.com"],
        rules=[["ops", "editor"], ["leads", "admin"]],
        default_role="viewer",
        tested_at=timezone.now(),
    )
    made.client_secret = Secret(SECRET)
    made.save()
    return made


@pytest.fixture
def sign_in(client: Client, provider: Provider) -> Callable[..., Any]:
    """To the provider and back; the answer to whoever comes back."""

    def go(start: str = "/sso/acme/go/", *, visitor: Client = client, **query: str) -> Any:
        if not provider.wire.registered():
            provider.publish()
        answer = visitor.get(start)
        assert answer.status_code == 302, answer.content.decode()
        sent = {name: values[0] for name, values in parse_qs(urlsplit(answer.url).query).items()}
        assert answer.url.startswith(f"{ISSUER}/authorize?")
        assert (sent["scope"], sent["code_challenge_method"]) == ("openid email profile", "S256")
        provider.nonce, provider.challenge = sent["nonce"], sent["code_challenge"]
        back = {"state": sent["state"], "code": "c0de"} | query
        return visitor.get(reverse("sso_return"), {name: text for name, text in back.items() if text})

    return go


def told(answer: Any) -> str:
    """What the page says."""
    page = re.sub(r"<[^>]+>", " ", answer.content.decode().partition("<main")[2])
    return " ".join(page.replace("&#x27;", "'").split())


def is_inside(client: Client) -> bool:
    return client.get("/t/acme/").status_code == 200


def test_somebody_new_comes_in_with_an_account_and_a_role(
    client: Client, kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    provider.claims = {"groups": ["ops", "all"]}
    answer = sign_in("/sso/acme/go/?next=/t/acme/runs/")
    assert answer.url == "/t/acme/runs/"
    assert is_inside(client)
    user = User.objects.get(email="dana@acme.com")
    assert (user.first_name, user.last_name, user.has_usable_password()) == ("Dana", "Roe", False)
    assert user.memberships.get().role == "editor"
    assert Identity.objects.get().subject == "00u1"
    assert AuditEntry.objects.filter(action="member.added", who="dana@acme.com").exists()
    assert (provider.asked["code"], provider.asked["redirect_uri"]) == (
        "c0de",
        "http://testserver/sso/return/",
    )


def test_who_comes_again_is_known_by_the_subject_and_has_the_role_of_today(
    client: Client, kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    provider.claims = {"groups": ["ops"]}
    sign_in()
    provider.claims = {"groups": ["leads"], "email": "dana.new@acme.com"}
    assert sign_in(visitor=Client()).status_code == 302
    user = User.objects.get(identities__subject="00u1")
    assert (user.email, user.memberships.get().role) == ("dana@acme.com", "admin")
    assert AuditEntry.objects.filter(action="member.role", who__startswith="single sign-on").count() == 1


def test_groups_are_asked_for_where_the_token_does_not_list_them(
    kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    provider.person = {"sub": "00u1", "groups": ["leads"]}
    sign_in()
    assert Membership.objects.get(user__email="dana@acme.com").role == "admin"


def test_an_answer_about_somebody_else_is_refused(
    client: Client, kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    provider.person = {"sub": "00u2", "groups": ["leads"]}
    assert "about two persons" in told(sign_in())
    assert not is_inside(client)


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"claims": {"nonce": "of another sign-in"}}, "it belongs to another sign-in"),
    "no nonce": ({"claims": {"nonce": None}}, "something is missing in it"),
    "another issuer": ({"claims": {"iss": "https://evil.test"}}, "it is of another issuer"),
    "another audience": ({"claims": {"aud": "another app"}}, "it was made for another program"),
    "several audiences": ({"claims": {"aud": ["syncadmin", "another app"]}}, "made for another program"),
    "for another party": ({"claims": {"azp": "another app"}}, "made for another program"),
    "expired": ({"claims": {"exp": 1_700_000_000}}, "it has expired"),
    "from the future": ({"claims": {"iat": 9_999_999_999}}, "it is not good yet"),
    "no subject": ({"claims": {"sub": None}}, "something is missing in it"),
    "another's key": ({"key": OTHER_KEY}, "its signature is wrong"),
    "no signature": ({"id_token": ""}, "it cannot be read"),
    "garbage": ({"id_token": "a.b.c"}, "it cannot be read"),
    "unverified": ({"claims": {"email_verified": False}}, "has not verified that dana@acme.com is yours"),
    "says nothing": ({"claims": {"email_verified": None}}, "has not verified that dana@acme.com is yours"),
    "another domain": ({"claims": {"email": "dana@evil.test"}}, "lets in acme.com alone"),
    "a domain within": ({"claims": {"email": "dana@acme.com.evil.test"}}, "lets in acme.com alone"),
    "no address": ({"claims": {"email": None}}, "does not tell your e-mail address"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_provider_that_lies_lets_nobody_in(
    client: Client, kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any], lie: str
) -> None:
    changed, words = LIES[lie]
    for name, value in changed.items():
        setattr(provider, name, value)
    answer = sign_in()
    assert answer.status_code == 403
    assert words in told(answer)
    assert not is_inside(client)
    assert not User.objects.exists()
    assert SECRET not in answer.content.decode()


def packed(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any]) -> str:
    """A token with the algorithm none."""
    return f"{packed({'alg': 'none'})}.{packed(claims)}."


@pytest.mark.parametrize("how", ["none", "the public key as a shared secret"])
def test_a_token_without_a_signature_of_the_provider_is_refused(
    client: Client, kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any], how: str
) -> None:
    def signed() -> str:
        if how == "none":
            return unsigned(provider.says())
        content = unsigned(provider.says()).replace(packed({"alg": "none"}), packed({"alg": "HS256"}))
        made = hmac.digest(KEY.as_pem(private=False), content.rstrip(".").encode(), "sha256")
        return content + base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    provider.signed = signed  # type: ignore[method-assign]
    assert "it is not signed as it must be" in told(sign_in())
    assert not is_inside(client)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ({"issuer": "https://evil.test"}, "calls itself “https://evil.test”"),
        ({"token_endpoint": "http://acme.idp.test/token"}, "by an address with https"),
        ({"jwks_uri": ""}, "by an address with https"),
    ],
)
def test_a_description_that_does_not_fit_leads_nowhere(
    client: Client, kept: SingleSignOn, provider: Provider, description: dict[str, str], words: str
) -> None:
    provider.description = description
    provider.publish()
    answer = client.get("/sso/acme/go/")
    assert answer.status_code == 403
    assert words in told(answer)


def test_a_way_back_is_good_once_and_for_the_window_that_began_it(
    client: Client, kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    assert "begun in another window" in told(sign_in(state="guessed"))
    assert "begun in another window" in told(client.get(reverse("sso_return"), {"state": "", "code": "x"}))
    sign_in()
    again = Client().get(reverse("sso_return"), {"state": "x", "code": "c0de"})
    assert again.status_code == 400
    assert "next=https" not in sign_in("/sso/acme/go/?next=https://evil.test/").url


def test_what_the_provider_says_against_it_is_told(
    client: Client, kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    answer = sign_in(code="", error="access_denied", error_description="<b>Not assigned</b>")
    assert "It says: <b>Not assigned</b>" in answer.content.decode().replace("&lt;", "<").replace("&gt;", ">")
    assert "<b>Not" not in answer.content.decode()
    assert not is_inside(client)


def test_an_account_that_was_there_is_linked_only_by_whoever_is_signed_in_to_it(
    client: Client, kept: SingleSignOn, provider: Provider, alice: User, sign_in: Callable[..., Any]
) -> None:
    kept.domains = ["example.com"]
    kept.save(update_fields=["domains"])
    provider.claims = {"email": "alice@example.com"}
    answer = sign_in()
    assert answer.url == reverse("sso_link")
    assert client.get(answer.url).url.startswith("/login/")
    assert not Identity.objects.exists()
    client.post("/login/", {"username": "alice@example.com", "password": "correct horse"})
    assert "Link your account?" in told(client.get(reverse("sso_link")))
    assert client.post(reverse("sso_link")).url == "/sso/acme/"
    assert sign_in(visitor=Client()).status_code == 302
    assert Identity.objects.get().user == alice
    assert alice.memberships.get().role == "owner", "the last owner stays one"


def test_somebody_else_who_is_signed_in_links_nothing(
    client: Client,
    kept: SingleSignOn,
    provider: Provider,
    bob: User,
    alice: User,
    sign_in: Callable[..., Any],
) -> None:
    kept.domains = ["example.com"]
    kept.save(update_fields=["domains"])
    provider.claims = {"email": "alice@example.com"}
    client.force_login(bob)
    assert sign_in().url == reverse("sso_link")
    assert client.post(reverse("sso_link")).status_code == 403
    assert not Identity.objects.exists()


def test_a_provider_opens_its_own_team_and_no_other(
    client: Client, kept: SingleSignOn, other_team: Team, staff: User, sign_in: Callable[..., Any]
) -> None:
    sign_in()
    dana = User.objects.get(email="dana@acme.com")
    Membership.objects.create(team=other_team, user=dana, role="owner")
    assert is_inside(client)
    answer = client.get("/t/globex/")
    assert answer.status_code == 403
    assert "which does not open Globex" in answer.content.decode()
    User.objects.filter(pk=dana.pk).update(is_staff=True, is_superuser=True)
    assert client.get("/admin/").status_code == 302, "nor the admin pages"
    dana.set_password("correct horse")
    dana.save(update_fields=["password"])
    client.post("/admin/login/", {"username": "dana@acme.com", "password": "correct horse"})
    assert client.get("/admin/").status_code == 200, "which a password does"


def test_where_it_is_enforced_a_password_opens_the_team_to_one_owner_alone(
    client: Client, kept: SingleSignOn, alice: User, bob: User
) -> None:
    SingleSignOn.objects.update(is_enforced=True, break_glass=alice)
    client.force_login(bob)
    assert client.get("/t/acme/runs/").url == "/sso/acme/?next=%2Ft%2Facme%2Fruns%2F"
    assert client.post("/t/acme/syncs/add/").status_code == 403
    client.force_login(alice)
    assert is_inside(client)
    assert is_inside(client)
    assert AuditEntry.objects.filter(action="sso.break_glass", who="alice@example.com").count() == 1


def test_without_a_role_nobody_comes_in(
    client: Client, kept: SingleSignOn, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    SingleSignOn.objects.update(default_role="")
    provider.claims = {"groups": ["other"]}
    assert "None of your 1 groups at the provider has a role in Acme" in told(sign_in())
    assert not User.objects.exists()


# Settings

FORM = {
    "issuer": f"{ISSUER}/",
    "client_id": "syncadmin",
    "client_secret": SECRET,
    "domains": "acme.com, Acme.de",
    "rules": "ops = editor\nleads=Admin\n",
    "default_role": "viewer",
    "groups_claim": "groups",
    "scopes": "openid email profile",
}


def save(client: Client, **data: str) -> Any:
    return client.post("/t/acme/settings/sign-on/", FORM | data)


def test_alice_sets_it_up_tests_it_and_enforces_it(
    client: Client, alice: User, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    client.force_login(alice)
    assert save(client).status_code == 302
    kept = SingleSignOn.objects.get()
    assert (kept.issuer, kept.domains) == (ISSUER, ["acme.com", "acme.de"])
    assert kept.rules == [["ops", "editor"], ["leads", "admin"]]
    assert SECRET not in kept.sealed_credentials
    too_soon = save(client, client_secret="", is_enforced="on", break_glass=str(alice.pk))
    assert "Save it and test it first" in too_soon.content.decode()

    provider.claims = {"email": "alice@acme.com", "groups": ["leads"]}
    tested = told(sign_in("/t/acme/settings/sign-on/test/"))
    assert ("It works" in tested, "alice@acme.com, verified" in tested, "Role Admin" in tested) == (True,) * 3
    assert client.get("/profile/").wsgi_request.user == alice, "nobody was signed in or out"
    assert not Identity.objects.exists()

    assert save(client, client_secret="", is_enforced="on", break_glass=str(alice.pk)).status_code == 302
    kept.refresh_from_db()
    assert (kept.is_enforced, kept.client_secret.reveal()) == (True, SECRET)
    page = client.get("/t/acme/settings/sign-on/").content.decode()
    log = client.get("/t/acme/settings/audit/").content.decode()
    assert (SECRET in page, SECRET in log, "Changed single sign-on" in log) == (False, False, True)


def test_a_test_that_fails_says_why_and_proves_nothing(
    client: Client, alice: User, provider: Provider, sign_in: Callable[..., Any]
) -> None:
    client.force_login(alice)
    save(client)
    provider.claims = {"email": "alice@elsewhere.test"}
    assert "lets in acme.com or acme.de alone" in told(sign_in("/t/acme/settings/sign-on/test/"))
    assert SingleSignOn.objects.get().tested_at is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"issuer": "http://acme.idp.test"}, "begins with https://"),
        ({"domains": "acme"}, "“acme” is not a domain"),
        ({"rules": "ops = king"}, "Line 1 must be a group = a role"),
        ({"scopes": "email"}, "“openid” must be among them"),
        ({"client_secret": ""}, "This field is required"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_the_rest_is_kept(
    client: Client, alice: User, data: dict[str, str], words: str
) -> None:
    client.force_login(alice)
    answer = save(client, **data)
    assert answer.status_code == 422
    assert words in answer.content.decode().replace("&quot;", '"')
    assert SECRET not in answer.content.decode()
    assert not SingleSignOn.objects.exists()


def test_only_owners_set_it_up(client: Client, kept: SingleSignOn, bob: User, charlie: User) -> None:
    addresses = ["", "test/", "remove/"]
    for user, status in ((bob, 403), (charlie, 404)):
        client.force_login(user)
        assert save(client).status_code == status
        assert [client.get(f"/t/acme/settings/sign-on/{one}").status_code for one in addresses[:2]] == [
            status
        ] * 2
        assert client.post("/t/acme/settings/sign-on/remove/").status_code == status
    assert SingleSignOn.objects.count() == 1


def test_the_address_leads_to_the_teams_provider(client: Client, kept: SingleSignOn) -> None:
    assert client.post("/sso/", {"email": "Dana@ACME.com"}).url == "/sso/acme/"
    assert "Go on to acme.idp.test" in told(client.get("/sso/acme/"))
    nobody = client.post("/sso/", {"email": "eve@evil.test"})
    assert (nobody.status_code, "No team here has single sign-on for evil.test" in told(nobody)) == (
        422,
        True,
    )
    assert client.get("/sso/globex/").status_code == 404


def test_the_last_owner_who_can_sign_in_stays_one_whatever_the_rules_say(
    kept: SingleSignOn, provider: Provider, alice: User, bob: User, sign_in: Callable[..., Any]
) -> None:
    Membership.objects.filter(user=bob).update(role="owner")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    Identity.objects.create(user=alice, issuer=ISSUER, subject="00u1")
    provider.claims = {"groups": ["ops"]}
    assert sign_in().status_code == 302
    assert alice.memberships.get().role == "owner"
    User.objects.filter(pk=bob.pk).update(is_active=True)
    sign_in(visitor=Client())
    assert alice.memberships.get().role == "editor"
