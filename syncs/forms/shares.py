"""The forms by which a team lets another use a connection or a model."""

from collections.abc import Collection
from typing import Any

from django import forms

from destinations.contract import Adapter
from destinations.models import Connection, ConnectionShare
from syncadmin.teams.models import Team

PARTS = ((10, "10 %"), (25, "25 %"), (50, "50 %"), (75, "75 %"), (100, "All of it"))


class TeamForm(forms.Form):
    """Whom something is shared with."""

    slug = forms.CharField(
        label="Team",
        max_length=50,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "teams"}),
        help_text="Its short name: what stands after /t/ in the address of its pages.",
    )

    def __init__(
        self, data: Any = None, *, owner: Team, used_by: Collection[int], initial: Any = None
    ) -> None:
        super().__init__(data, initial=initial)
        self._owner, self._used_by = owner, used_by
        self.with_team: Team | None = None

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).strip().strip("/").lower()
        self.with_team = Team.objects.filter(slug=slug).first()
        if self.with_team is None:
            raise forms.ValidationError(
                f"There is no team “{slug}”. Ask one of its members for its short name."
            )
        if self.with_team == self._owner:
            raise forms.ValidationError("It is this team's own.")
        if self.with_team.pk in self._used_by:
            raise forms.ValidationError(f"{self.with_team} uses it already.")
        return slug


class ShareForm(TeamForm):
    """Whom, what for, and how much of the account's limits."""

    objects = forms.MultipleChoiceField(
        label="What may it write?",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose what its syncs may write."},
    )
    percent = forms.TypedChoiceField(
        label="Part of the account's limits",
        choices=PARTS,
        coerce=int,
        initial=50,
        help_text="Its runs wait while all teams together have used more than this of what Syncadmin may.",
    )

    def __init__(
        self,
        data: Any = None,
        *,
        connection: Connection,
        adapter: type[Adapter],
        given: ConnectionShare | None = None,
    ) -> None:
        used_by = frozenset(connection.shares.values_list("with_team", flat=True))
        super().__init__(data, owner=connection.team, used_by=used_by, initial=_initial(given))
        field = self.fields["objects"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = [(one.key, one.label) for one in adapter.objects]
        if given is not None:
            self.with_team = given.with_team
            del self.fields["slug"]


def _initial(given: ConnectionShare | None) -> dict[str, Any]:
    if given is None:
        return {}
    return {"objects": given.objects_allowed, "percent": given.budget_percent}
