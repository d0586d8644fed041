"""The form of a team's single sign-on."""

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms

from syncadmin.lib.crypto import Secret
from syncadmin.teams.access import Role
from syncadmin.teams.models import Membership, SingleSignOn, Team, User
from syncadmin.teams.openid import SCOPES, is_good_address

MOST_RULES = 200
_DOMAIN = re.compile(r"([a-z0-9-]+\.)+[a-z0-9-]+")
_WIDE = {"spellcheck": "false", "autocomplete": "off"}


class SingleSignOnForm(forms.Form):
    """What to ask whom, and who comes in. An empty secret keeps the one that is stored."""

    issuer = forms.CharField(
        max_length=500,
        widget=forms.URLInput(attrs=_WIDE),
        help_text="Such as https://acme.okta.com, https://accounts.google.com or "
        "https://login.microsoftonline.com/TENANT/v2.0",
    )
    client_id = forms.CharField(label="Client ID", max_length=300, widget=forms.TextInput(attrs=_WIDE))
    client_secret = forms.CharField(
        required=False,
        max_length=1_000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    domains = forms.CharField(
        label="E-mail domains that may sign in",
        max_length=2_000,
        help_text="Separated by commas: acme.com, acme.de",
    )
    trusts_addresses = forms.BooleanField(
        label="The provider verifies e-mail addresses, and does not say so",
        required=False,
        help_text="Entra ID does not say so. Only where people cannot choose their own address there.",
    )
    rules = forms.CharField(
        label="Groups and their roles",
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 4, **_WIDE}),
        help_text="One on each line: sales-ops = editor. Looked at on every sign-in; of several the "
        "highest role counts.",
    )
    default_role = forms.ChoiceField(
        label="Who is in none of these groups",
        required=False,
        choices=[("", "Cannot sign in"), *((role, f"Signs in as {role.label.lower()}") for role in Role)],
    )
    groups_claim = forms.CharField(label="Claim that lists the groups", max_length=100, initial="groups")
    scopes = forms.CharField(max_length=300, initial=SCOPES)
    is_enforced = forms.BooleanField(
        label="Members sign in by single sign-on only",
        required=False,
        help_text="Passwords no longer open this team, and nobody is invited: the provider says who "
        "belongs to it.",
    )
    break_glass = forms.ModelChoiceField(
        label="Owner who can still use a password",
        help_text="For the day on which the provider is down, or its settings are wrong.",
        queryset=User.objects.none(),
        required=False,
        empty_label="Choose an owner",
    )

    def __init__(self, data: Any = None, *, team: Team, kept: SingleSignOn | None) -> None:
        super().__init__(data, initial=_initial(kept))
        self._kept = kept
        owners = User.objects.filter(memberships__team=team, memberships__role=Membership.Role.OWNER)
        field = self.fields["break_glass"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
        field.queryset = owners.order_by("email")
        if kept is None:
            self.fields["client_secret"].required = True
        else:
            self.fields["client_secret"].help_text = "Leave it empty to keep the one that is stored."

    def clean_issuer(self) -> str:
        issuer = str(self.cleaned_data["issuer"]).strip().rstrip("/")
        if not is_good_address(issuer) or urlsplit(issuer).query:
            raise forms.ValidationError("An address that begins with https://, as the provider names itself.")
        return issuer

    def clean_domains(self) -> list[str]:
        words = [
            word.lower().lstrip("@") for word in re.split(r"[\s,;]+", self.cleaned_data["domains"]) if word
        ]
        for word in words:
            if not _DOMAIN.fullmatch(word):
                raise forms.ValidationError(f"“{word}” is not a domain, such as acme.com.")
        return list(dict.fromkeys(words))

    def clean_rules(self) -> list[list[str]]:
        rules: list[list[str]] = []
        for number, line in enumerate(self.cleaned_data["rules"].splitlines(), 1):
            if not line.strip():
                continue
            group, sign, role = (part.strip() for part in line.rpartition("="))
            if not sign or not group or role.lower() not in Role.values:
                roles = ", ".join(Role.values)
                raise forms.ValidationError(
                    f"Line {number} must be a group = a role ({roles}): “{line.strip()}”."
                )
            rules.append([group, role.lower()])
        if len(rules) > MOST_RULES:
            raise forms.ValidationError(f"At most {MOST_RULES} groups.")
        return rules

    def clean_scopes(self) -> str:
        scopes = str(self.cleaned_data["scopes"]).split()
        if "openid" not in scopes:
            raise forms.ValidationError("“openid” must be among them.")
        return " ".join(scopes)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("is_enforced"):
            person = data.get("break_glass")
            if person is None:
                self.add_error("break_glass", "Choose who can still come in should the provider be gone.")
            elif not person.has_usable_password():
                self.add_error("break_glass", f"{person} has no password. They must set one first.")
            if self._kept is None or self._kept.tested_at is None or self._is_another(data):
                self.add_error(
                    "is_enforced", "Save it and test it first: a mistake would shut everybody out."
                )
        return data

    def save(self, team: Team) -> SingleSignOn:
        """Keep what was typed. A provider that is another one must be tested again."""
        data, kept = self.cleaned_data, self._kept or SingleSignOn(team=team)
        if self._is_another(data):
            kept.tested_at = None
        if data["client_secret"]:
            kept.client_secret = Secret(data["client_secret"])
        for name in (*SETTINGS, "break_glass"):
            setattr(kept, name, data[name])
        kept.save()
        return kept

    def _is_another(self, data: dict[str, Any]) -> bool:
        """Whether the provider, or what we are there, differs from what was tested."""
        kept = self._kept
        return (
            kept is None
            or bool(data.get("client_secret"))
            or any(data.get(name) != getattr(kept, name) for name in ("issuer", "client_id", "scopes"))
        )


SETTINGS = (
    "issuer",
    "client_id",
    "domains",
    "trusts_addresses",
    "groups_claim",
    "scopes",
    "rules",
    "default_role",
    "is_enforced",
)


def told(kept: SingleSignOn | None) -> dict[str, Any]:
    """What is set, for the audit log."""
    if kept is None:
        return {}
    person = str(kept.break_glass) if kept.break_glass else None
    return {name: getattr(kept, name) for name in SETTINGS} | {"comes in by password": person}


def _initial(kept: SingleSignOn | None) -> dict[str, Any]:
    if kept is None:
        return {"default_role": Role.VIEWER}
    return {
        **{name: getattr(kept, name) for name in SETTINGS},
        "domains": ", ".join(kept.domains),
        "rules": "\n".join(f"{group} = {role}" for group, role in kept.rules),
        "break_glass": kept.break_glass_id,
    }
