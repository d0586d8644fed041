"""OpenID Connect: who a provider (Okta, Entra ID, Google) says that somebody is, and the proof of it.

Authorization code with PKCE. An ID token is believed where its signature is by a key of the provider's, with
a public-key algorithm that we allow, and issuer, audience, nonce and times are right:
https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation (read 2026-11-21).
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from syncadmin.lib import outgoing
from syncadmin.lib.crypto import Secret
from syncadmin.lib.proxies import proxies_for
from syncadmin.lib.redact import Redactor

TIMEOUT = 10.0  # seconds for each request to the provider
MOST_BYTES = 1_000_000  # of its answers
CLOCKS_DIFFER_BY = 60  # seconds, at the most
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SCOPES = "openid email profile"
MOST_GROUPS = 1_000


class SignInFailed(Exception):
    """Nobody came in. The text is for people, and says who must do what."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What a team set up. `groups_claim` names the claim with a person's groups."""

    issuer: str
    client_id: str
    client_secret: Secret
    groups_claim: str = "groups"
    scopes: str = SCOPES


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a provider does what, as it publishes it itself."""

    authorize: str
    token: str
    keys: str
    person: str  # userinfo; empty where it has none


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the provider and back: each of these is good once."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for. `is_verified`: of the e-mail address; None where it does not say."""

    issuer: str
    subject: str
    email: str = ""
    is_verified: bool | None = None
    first_name: str = ""
    last_name: str = ""
    groups: tuple[str, ...] | None = None  # None: it does not say


def discover(issuer: str) -> Addresses:
    """Ask the provider where it does what. SignInFailed where it does not say, or says it is another."""
    told = _get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", "its own description")
    if str(told.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise SignInFailed(
            f"The provider calls itself “{told.get('issuer', '')}”, not “{issuer}”. An owner of the team "
            "must correct the issuer in the settings of single sign-on."
        )
    found = [str(told.get(name) or "") for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    person = str(told.get("userinfo_endpoint") or "")
    for address in (*found, *filter(None, [person])):
        if not is_good_address(address):
            raise SignInFailed(
                "The provider does not say, by an address with https, where people sign in. Whoever runs the "
                "provider must see to it."
            )
    authorize, token, keys = found
    return Addresses(authorize, token, keys, person)


def is_good_address(address: str) -> bool:
    """Whether it is one that secrets may go to: https, or this machine while the app is developed."""
    parts = urlsplit(address)
    here = settings.DEBUG and parts.hostname in ("127.0.0.1", "localhost")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and here))


def sign_in_address(provider: Provider, addresses: Addresses, attempt: Attempt, *, redirect: str) -> str:
    """Where to send somebody who signs in."""
    with _session(provider, redirect) as session:
        challenge = hashlib.sha256(attempt.verifier.encode()).digest()
        address, _ = session.create_authorization_url(
            addresses.authorize,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            code_challenge_method="S256",
        )
    return str(address)


def person(provider: Provider, addresses: Addresses, attempt: Attempt, *, redirect: str, code: str) -> Person:
    """Whom the code that somebody came back with is about. SignInFailed where nothing proves it."""
    told = _tokens(provider, addresses, attempt, redirect=redirect, code=code)
    claims = claims_of(
        str(told.get("id_token") or ""),
        _get(addresses.keys, "its keys"),
        provider=provider,
        nonce=attempt.nonce,
    )
    token = told.get("access_token")
    wanted = ("email", provider.groups_claim)
    if addresses.person and token and any(name not in claims for name in wanted):
        more = _get(addresses.person, "who the person is", bearer=str(token))
        if more.get("sub") != claims["sub"]:
            raise SignInFailed(
                "The provider's answers are about two persons. Whoever runs it must look into it."
            )
        claims = more | claims
    return read(claims, groups_claim=provider.groups_claim)


def claims_of(id_token: str, keys: Mapping[str, Any], *, provider: Provider, nonce: str) -> dict[str, Any]:
    """What an ID token claims, once its signature and its claims about itself were found to be right."""
    try:
        token = jwt.decode(id_token, KeySet.import_key_set(dict(keys)), algorithms=ALGORITHMS)  # type: ignore[arg-type]
        claims = dict(token.claims)
        jwt.JWTClaimsRegistry(
            leeway=CLOCKS_DIFFER_BY,
            iss={"essential": True, "values": [provider.issuer, provider.issuer.rstrip("/") + "/"]},
            aud={"essential": True, "value": provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SignInFailed(
            "What the provider sent does not prove who you are "
            f"({_plain(error)}). Try again; if it stays so, whoever runs the provider must look into it."
        ) from None
    audience = claims["aud"]
    several = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", provider.client_id) != provider.client_id or (several and "azp" not in claims):
        raise SignInFailed(
            "The provider's proof was made for another program. Try again; if it stays so, whoever runs the "
            "provider must look into it."
        )
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise SignInFailed("The provider does not say who you are. Whoever runs it must look into it.")
    return claims


def read(claims: Mapping[str, Any], *, groups_claim: str) -> Person:
    """Claims that were proved, as a person. Pure."""
    email = str(claims.get("email") or "").strip().lower()
    verified = claims.get("email_verified")
    groups = claims.get(groups_claim)
    if isinstance(groups, str):
        groups = [groups]
    name = str(claims.get("name") or "")
    first, _, last = name.rpartition(" ")
    return Person(
        issuer=str(claims["iss"]).rstrip("/"),
        subject=str(claims["sub"]),
        email=email,
        is_verified=None if verified is None else verified in (True, "true"),
        first_name=str(claims.get("given_name") or first or "")[:150],
        last_name=str(claims.get("family_name") or last or "")[:150],
        groups=tuple(str(group) for group in groups[:MOST_GROUPS]) if isinstance(groups, list) else None,
    )


def _tokens(
    provider: Provider, addresses: Addresses, attempt: Attempt, *, redirect: str, code: str
) -> dict[str, Any]:
    hidden = Redactor([provider.client_secret.reveal(), code, attempt.verifier])
    try:
        with _session(provider, redirect) as session:
            told = session.fetch_token(
                addresses.token,
                grant_type="authorization_code",
                code=code,
                code_verifier=attempt.verifier,
                **_way(addresses.token),
            )
    except OAuthError as error:
        raise SignInFailed(_refusal(error.error or "", hidden.text(str(error.description or "")))) from None
    except (requests.RequestException, OSError, outgoing.Refused, outgoing.TooLarge, ValueError) as error:
        raise SignInFailed(_unreachable(addresses.token, "to take the sign-in", error)) from None
    return dict(told) if isinstance(told, dict) else {}


def _get(address: str, what: str, *, bearer: str = "") -> dict[str, Any]:
    """A JSON object of the provider's."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    try:
        with requests.Session() as session:
            outgoing.restrict(session, networks=settings.ALLOWED_NETWORKS, most_bytes=MOST_BYTES)
            answer = session.get(address, headers=headers, **_way(address))
            answer.raise_for_status()
            told = answer.json()
    except (requests.RequestException, OSError, outgoing.Refused, outgoing.TooLarge, ValueError) as error:
        raise SignInFailed(_unreachable(address, f"for {what}", error)) from None
    if not isinstance(told, dict):
        raise SignInFailed(_unreachable(address, f"for {what}", None))
    return told


def _session(provider: Provider, redirect: str) -> OAuth2Session:
    session = OAuth2Session(
        provider.client_id,
        provider.client_secret.reveal(),
        scope=provider.scopes,
        redirect_uri=redirect,
    )
    outgoing.restrict(session, networks=settings.ALLOWED_NETWORKS, most_bytes=MOST_BYTES)
    return session


def _way(address: str) -> dict[str, Any]:
    """How requests go there."""
    proxies = proxies_for(
        address,
        https_proxy=settings.HTTPS_PROXY,
        http_proxy=settings.HTTP_PROXY,
        no_proxy=settings.NO_PROXY,
    )
    verify = settings.CA_BUNDLE or True
    return {"timeout": TIMEOUT, "proxies": proxies, "verify": verify, "allow_redirects": False}


def _refusal(code: str, said: str) -> str:
    says = f" It says: {said}" if said else ""
    if code in ("invalid_client", "unauthorized_client"):
        return (
            "The provider does not know this app, or the client secret is wrong. An owner of the team must "
            f"check both in the settings of single sign-on.{says}"
        )
    return f"The provider did not take the sign-in ({code or 'no reason given'}). Try again.{says}"


def _unreachable(address: str, what: str, error: Exception | None) -> str:
    host = urlsplit(address).netloc
    if isinstance(error, outgoing.Refused):
        return f"The provider cannot be asked {what}: {error}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    why = f"it answered {status}" if status else "no answer that can be read came"
    return (
        f"The provider at {host} cannot be asked {what}: {why}. Try again later; if it stays so, an owner of "
        "the team must check the settings of single sign-on."
    )


_CLAIMS = {
    "iss": "it is of another issuer",
    "aud": "it was made for another program",
    "nonce": "it belongs to another sign-in",
    "iat": "it is not good yet",
    "nbf": "it is not good yet",
}


def _plain(error: Exception) -> str:
    """What is wrong with a token, in a few words and without its values."""
    return {
        "expired_token": "it has expired",
        "bad_signature": "its signature is wrong",
        "missing_claim": "something is missing in it",
        "invalid_claim": _CLAIMS.get(getattr(error, "claim", ""), "its content is not ours"),
        "unsupported_algorithm": "it is not signed as it must be",
        "missing_key": "its key is not among the provider's",
        "invalid_key_id": "its key is not among the provider's",
    }.get(str(getattr(error, "error", "")), "it cannot be read")
