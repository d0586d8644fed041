"""Declared settings as a form: a source's, a connection's. What may stand in them says `advanced.clean`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django import forms

from destinations import advanced
from destinations.contract import JSON, Setting
from syncadmin.lib.crypto import Secret


class SettingForm(forms.Form):
    """A field for each setting, secrets included: those never come back to the browser.

    After validation `options` are what to store, and `secrets` what was entered: an empty one means "as
    before", unless `required` names it and nothing is stored.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        settings: Sequence[Setting],
        secrets: Collection[str] = (),
        required: Collection[str] = (),
        stored_options: Mapping[str, JSON] | None = None,
        stored_secrets: Collection[str] = (),
        prefix: str = "setting",
    ) -> None:
        self._settings = [setting for setting in settings if setting.key not in secrets]
        self._secret_keys = tuple(secrets)
        stored = stored_options or {}
        super().__init__(
            data,
            prefix=prefix,
            initial={s.key: stored.get(s.key, s.default) for s in self._settings},
            auto_id="id_%s",
        )
        self.options: dict[str, JSON] = {}
        self.secrets: dict[str, Secret] = {}
        for setting in settings:
            is_stored = setting.key in stored_secrets
            self.fields[setting.key] = _field(
                setting,
                is_secret=setting.key in secrets,
                is_stored=is_stored,
                is_required=setting.key in required and not is_stored,
            )

    def clean(self) -> dict[str, Any]:
        cleaned = dict(super().clean() or {})
        try:
            self.options = advanced.clean(
                self._settings, {s.key: cleaned.get(s.key) for s in self._settings if s.key in cleaned}
            )
        except advanced.BadSettings as bad:
            for key, message in bad.faults.items():
                self.add_error(key if key in self.fields else None, message)
        self.secrets = {key: Secret(cleaned[key]) for key in self._secret_keys if cleaned.get(key)}
        return cleaned


def _field(setting: Setting, *, is_secret: bool, is_stored: bool, is_required: bool) -> forms.Field:
    help_text = setting.help
    if is_secret:
        if is_stored:
            help_text = f"{help_text} Leave it empty to keep the one that is stored.".strip()
        return forms.CharField(
            label=setting.label,
            required=is_required,
            help_text=help_text,
            strip=False,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        )
    if setting.kind == "choice":
        return forms.ChoiceField(
            label=setting.label,
            required=is_required,
            help_text=help_text,
            choices=[(choice, choice) for choice in setting.choices],
        )
    mode = {"integer": "numeric", "number": "decimal", "url": "url"}.get(setting.kind)
    return forms.CharField(
        label=setting.label,
        required=is_required,
        help_text=help_text,
        widget=forms.TextInput(attrs={"inputmode": mode} if mode else None),
    )
