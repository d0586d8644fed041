"""The forms to sign in, to choose a password, and to say who one is and in which time zone."""

from collections.abc import Iterable, Iterator
from threading import Thread
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
    UsernameField,
)
from django.contrib.auth.password_validation import validate_password
from django.utils.text import slugify

from syncadmin.teams.models import Membership, Team, User

# The first parts of the names that people choose from; the rest are aliases and offsets.
REGIONS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic"),
    *("Australia", "Europe", "Indian", "Pacific"),
)
MAILER = "e-mail"  # the name of the threads that send
WHAT_IS_GOOD = "At least 12 characters. Not only digits, not a common password, and nothing like your name."


class SignInForm(AuthenticationForm):
    """E-mail address and password. An error does not tell which of the two was wrong."""

    error_messages = {
        "invalid_login": "This e-mail address and password do not belong together. Check both; the password "
        "is case-sensitive.",
        "inactive": "This account is switched off. An operator of this installation can switch it on.",
    }

    username = UsernameField(
        label="E-mail address", widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"})
    )


class ForgottenPasswordForm(PasswordResetForm):
    """Where to send the link. It never tells whether somebody of that address is known."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "email"}),
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        return email.strip().lower()

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        """Send it beside the request: how long that takes would tell that somebody is known."""
        Thread(target=super().send_mail, args=args, kwargs=kwargs, name=MAILER).start()

    def get_users(self, email: str) -> Iterator[User]:
        """Also somebody who came in by single sign-on, without a password: only they read the mail."""
        return User.objects.filter(email=email, is_active=True).iterator()


class NewPasswordForm(SetPasswordForm):
    """A new password, twice. Django's help is a list in HTML; ours is a sentence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(self)


class OwnPasswordForm(PasswordChangeForm):
    """The password that one has, and a new one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "The password you have now"
        _describe(self)


def _describe(form: forms.Form) -> None:
    form.fields["new_password1"].label = "New password"
    form.fields["new_password1"].help_text = WHAT_IS_GOOD
    form.fields["new_password2"].label = "The new password again"
    form.fields["new_password2"].help_text = ""


class BrowsersZone(forms.CharField):
    """The time zone of the browser, which a script fills in. Never refused: the profile can change it."""

    def __init__(self) -> None:
        super().__init__(required=False, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))

    def clean(self, value: Any) -> str:
        return value if value in available_timezones() else "UTC"


class JoinForm(SetPasswordForm):
    """Who joins by an invitation, and the password to sign in with. The address is the invitation's."""

    first_name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )
    time_zone = BrowsersZone()
    field_order = ("first_name", "last_name", "new_password1", "new_password2")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(self)
        self.fields["new_password1"].label = "Password"
        self.fields["new_password2"].label = "The password again"


class TeamForm(forms.Form):
    """A team's name, and for a new one the short name in its addresses."""

    name = forms.CharField(label="Name of the team", max_length=100)
    slug = forms.SlugField(
        label="Short name in addresses",
        max_length=50,
        required=False,
        help_text="Small letters, digits and hyphens; made from the name if you leave it out. It cannot be "
        "changed later.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """The short name, made of the name where it is missing."""
        cleaned = super().clean() or {}
        if "slug" in cleaned and cleaned.get("name"):
            cleaned["slug"] = cleaned["slug"].lower() or slugify(cleaned["name"])[:50].strip("-_") or "team"
            if Team.objects.filter(slug=cleaned["slug"]).exists():
                self.add_error("slug", self.taken(cleaned["slug"]))
        return cleaned

    @staticmethod
    def taken(slug: str) -> str:
        return f"Another team of this installation has the short name “{slug}”. Choose another one."


class TeamNameForm(forms.Form):
    name = forms.CharField(label="Name of the team", max_length=100)


class SetUpForm(TeamForm):
    """The first owner and their team."""

    email = forms.EmailField(
        label="Your e-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )
    password1 = forms.CharField(
        label="Password",
        strip=False,
        help_text=WHAT_IS_GOOD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label="The password again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    time_zone = BrowsersZone()
    field_order = ("email", "password1", "password2", "name", "slug")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        return email.strip().lower()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        first, again = cleaned.get("password1"), cleaned.get("password2")
        if first and again and first != again:
            self.add_error("password2", "The two passwords differ.")
        if first:
            try:
                validate_password(first, User(email=cleaned.get("email", "")))
            except forms.ValidationError as error:
                self.add_error("password1", error)
        return cleaned


class InviteForm(forms.Form):
    """Whom to ask, and as what. `roles` are those that the person may give."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    role = forms.ChoiceField()

    def __init__(self, *args: Any, roles: Iterable[Membership.Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"] = forms.ChoiceField(choices=[(role.value, role.label) for role in roles])

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        return email.strip().lower()


class ProfileForm(forms.ModelForm):
    """Name and time zone. The e-mail address is how one signs in: operators change it."""

    class Meta:
        model = User
        fields = ("first_name", "last_name", "time_zone")
        widgets = {
            "first_name": forms.TextInput(attrs={"autocomplete": "given-name"}),
            "last_name": forms.TextInput(attrs={"autocomplete": "family-name"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"] = forms.ChoiceField(
            choices=time_zones(self.instance.time_zone), help_text="Every time on the pages is shown in it."
        )

    def save(self, commit: bool = True) -> User:
        """Store these three and nothing else of the person."""
        user: User = super().save(commit=False)
        if commit:
            user.save(update_fields=self._meta.fields)
        return user


def time_zones(current: str) -> list[tuple[str, Any]]:
    """UTC, then the zones by region, as a select shows them; `current` is among them whatever it is."""
    known = sorted(available_timezones())
    first = [("UTC", "UTC")]
    if current != "UTC" and current.partition("/")[0] not in REGIONS:
        first.append((current, current))
    regions: list[tuple[str, Any]] = [
        (
            region,
            [
                (name, name.partition("/")[2].replace("_", " ").replace("/", " / "))
                for name in known
                if name.startswith(f"{region}/")
            ],
        )
        for region in REGIONS
    ]
    return [*first, *regions]
