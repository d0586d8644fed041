"""What somebody looks for."""

from django import forms

from syncs.engine.spellings import LONGEST

WHAT = "Type an e-mail address, a domain, a primary key or the id of a record."


class FindForm(forms.Form):
    """Kept as it was typed, blanks included: a key may have some."""

    what = forms.CharField(
        max_length=LONGEST,
        strip=False,
        label="Who or what",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": WHAT,
            "max_length": f"At most {LONGEST} characters: {WHAT[0].lower()}{WHAT[1:]}",
        },
    )

    def clean_what(self) -> str:
        what: str = self.cleaned_data["what"]
        if not what.strip():
            raise forms.ValidationError(WHAT)
        return what
