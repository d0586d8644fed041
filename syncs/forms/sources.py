"""The forms of sources: a name, the settings of a kind, a PostgreSQL address, and a file to upload."""

import csv
import io
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.files.uploadedfile import UploadedFile

from destinations.advanced import BadSettings
from destinations.contract import JSON
from destinations.setting_form import SettingForm
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team
from syncs.models import Source
from syncs.sources.base import Reader
from syncs.sources.postgres import Postgres

MOST_UPLOADED_BYTES = 50 * 1024 * 1024
HEAD_BYTES = 1024 * 1024  # the first line of a CSV file is somewhere in there
UPLOADED = "data.csv"
# A stored password goes only to the machine that it was entered for.
PLACE = ("host", "port")


class SourceForm(forms.ModelForm):
    """A source's name and the zone of its times. `seen_at` is when the form was made: see `is_stale`."""

    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Source
        fields = ("name", "time_zone")
        labels = {"name": "Name", "time_zone": "Time zone"}
        help_texts = {"name": "What your team calls it."}

    def __init__(self, data: Mapping[str, Any] | None = None, *, team: Team, instance: Source) -> None:
        super().__init__(data, instance=instance, auto_id="id_%s")
        self.instance.team = team
        self.fields["time_zone"] = forms.ChoiceField(
            label="Time zone",
            help_text="Of dates and times that carry none.",
            choices=[(zone, zone) for zone in sorted(available_timezones())],
        )
        if instance.pk:
            self.initial["seen_at"] = instance.updated_at.isoformat()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Source.objects.filter(team=self.instance.team, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise forms.ValidationError("The team already has a source with this name.")
        return name

    def see(self, source: Source) -> None:
        """Show the same input over the source as it is now, so that saving again is a decision."""
        self.data = {**self.data.dict(), "seen_at": source.updated_at.isoformat()}  # type: ignore[attr-defined]


class Unechoed(forms.TextInput):
    """What is typed there may hold a password: it does not come back to the browser."""

    def format_value(self, value: Any) -> str | None:
        return None


class AddressForm(forms.Form):
    """A PostgreSQL address, taken apart into `options` and `secrets`."""

    url = forms.CharField(
        required=False,
        label="Paste an address",
        help_text="postgresql://user:password@host:5432/database. It fills the fields below.",
        widget=Unechoed(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, auto_id="id_%s")
        self.options: dict[str, JSON] = {}
        self.secrets: dict[str, Secret] = {}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if url:
            try:
                self.options, self.secrets = Postgres.from_yaml({"url": url})
            except BadSettings as bad:
                raise forms.ValidationError(list(bad.faults.values())) from None
        return url


class ReaderForm(SettingForm):
    """The settings of a kind of source. `typed` are secrets that wait in the session."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        reader: type[Reader],
        source: Source,
        stored: Collection[str],
        typed: Collection[str] = (),
        options: Mapping[str, JSON] | None = None,
    ) -> None:
        self._reader, self._source, self._stored, self._typed = reader, source, set(stored), set(typed)
        super().__init__(
            data,
            settings=reader.settings,
            secrets=reader.secrets,
            required=reader.required,
            stored_options=source.options if options is None else options,
            stored_secrets=self._stored | self._typed,
        )
        for key in self._typed:
            self.fields[key].help_text = "You entered it already. Leave it empty to keep it."

    @property
    def usual_fields(self) -> list[forms.BoundField]:
        """The fields that nearly everybody fills in: what must be there, and the secrets."""
        usual = {*self._reader.required, *self._reader.secrets, "port", "sslmode", "path"}
        return [field for field in self if field.name in usual]

    @property
    def advanced_fields(self) -> list[forms.BoundField]:
        usual = {field.name for field in self.usual_fields}
        return [field for field in self if field.name not in usual]

    @property
    def has_advanced_errors(self) -> bool:
        return any(field.errors for field in self.advanced_fields)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            try:
                self._reader.from_yaml(self.options)
            except BadSettings as bad:
                for key, message in bad.faults.items():
                    self.add_error(key if key in self.fields else None, message)
        moved = any(self.options.get(key) != self._source.options.get(key) for key in PLACE)
        for key in self._stored - self._typed - set(self.secrets) if moved else ():
            self.add_error(
                key,
                "Enter it again: host or port changed, and what is stored goes only where it was meant to.",
            )
        return cleaned


class UploadForm(forms.Form):
    """A CSV file that becomes a source of its own. `columns` are the names in its first line."""

    file = forms.FileField(
        label="CSV file",
        help_text="Up to 50 MB. The first line holds the names of the columns.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, files: Any = None) -> None:
        super().__init__(data, files, auto_id="id_%s")
        self.columns: list[str] = []

    def clean_file(self) -> UploadedFile:
        """The file, if its first lines read as CSV in UTF-8 with a name for each column."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_UPLOADED_BYTES:
            raise forms.ValidationError("The file is larger than 50 MB. Put it into the files folder.")
        head = file.read(HEAD_BYTES)
        file.seek(0)
        try:
            text = head.decode("utf-8-sig", errors="strict" if len(head) < HEAD_BYTES else "ignore")
        except UnicodeDecodeError:
            raise forms.ValidationError(
                "The file is not in UTF-8. In Excel: Save as, “CSV UTF-8 (comma delimited)”."
            ) from None
        if "\0" in text or text.startswith("PK\x03\x04"):
            raise forms.ValidationError("This is not a CSV file. In Excel: Save as, “CSV UTF-8”.")
        self.columns = _names(text)
        return file

    def keep(self, folder: Path) -> None:
        """Write the file into the folder, whole or not at all."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f".{UPLOADED}.{os.getpid()}.part"
        with draft.open("wb") as target:
            for chunk in self.cleaned_data["file"].chunks():
                target.write(chunk)
        draft.replace(folder / UPLOADED)


def _names(text: str) -> list[str]:
    """The columns' names in the first line. ValidationError where they will not do."""
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        names = [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter), [])]
    except csv.Error:
        raise forms.ValidationError("The first line cannot be read as CSV.") from None
    if not any(names):
        raise forms.ValidationError("The file's first line is empty; it must hold the columns' names.")
    seen: set[str] = set()
    for at, name in enumerate(names, 1):
        if not name:
            raise forms.ValidationError(f"Column {at} has no name in the first line.")
        if name.lower() in seen:
            raise forms.ValidationError(f"Two columns are called “{name[:100]}”.")
        seen.add(name.lower())
    return names
