"""The form to sign in."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UsernameField


class SignInForm(AuthenticationForm):
    """E-mail address and password. An error does not tell which of the two was wrong."""

    error_messages = {
        "invalid_login": "This e-mail address and password do not belong together. Check both; the password "
        "is case-sensitive. An operator of this installation can set a new one.",
        "inactive": "This account is switched off. An operator of this installation can switch it on.",
    }

    username = UsernameField(
        label="E-mail address", widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"})
    )
