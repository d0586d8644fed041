"""What the pages about syncs ask for, but for the mapping (see `sync_rows.py`)."""

from typing import Any

from django import forms

from syncs.engine.keys import typed_key
from syncs.models import Sync

TEST_ROWS = 10
MOST_KEYS = 100


class ReviewForm(forms.Form):
    """The last things to say before a sync is saved."""

    name = forms.CharField(
        label="Name of the sync",
        max_length=Sync._meta.get_field("name").max_length,
        help_text="As your team will know it, in lists and messages.",
    )
    keep_records = forms.BooleanField(
        required=False,
        label="Remember the values last sent, to show what changed",
        help_text="Without them only fingerprints are kept, which is enough to send nothing twice.",
    )
    again = forms.BooleanField(required=False, label="Yes, send them again")

    def __init__(self, *args: Any, asks_again: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asks_again = asks_again

    def clean(self) -> dict[str, Any]:
        cleaned = dict(super().clean() or {})
        if self._asks_again and not cleaned.get("again"):
            self.add_error("again", "Tick this if the rows may be sent again; otherwise undo the change.")
        return cleaned


class TestForm(forms.Form):
    """Which rows a test sends: the first that would be sent, or chosen ones."""

    TEN, CHOSEN = "ten", "chosen"
    rows = forms.ChoiceField(choices=[(TEN, "Ten rows"), (CHOSEN, "Chosen rows")], initial=TEN)
    keys = forms.CharField(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, primary_key: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._columns = primary_key

    def clean(self) -> dict[str, Any]:
        cleaned = dict(super().clean() or {})
        if cleaned.get("rows") != self.CHOSEN:
            return cleaned | {"keys": None}
        lines = [line.strip() for line in cleaned.get("keys", "").splitlines() if line.strip()]
        if not lines:
            self.add_error("keys", "Type the primary key of at least one row, one to a line.")
        elif len(lines) > MOST_KEYS:
            self.add_error(
                "keys",
                f"A test takes at most {MOST_KEYS} rows; these are {len(lines):,}. Use Run now for all.",
            )
        found = []
        for line in lines[:MOST_KEYS]:
            if (key := typed_key(line, self._columns)) is None:
                columns = ", ".join(self._columns)
                self.add_error("keys", f"“{line}” does not have a value for each of {columns}.")
            else:
                found.append(key)
        return cleaned | {"keys": list(dict.fromkeys(found))}
