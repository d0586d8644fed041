"""What a document's names refer to, and where its mistakes are told."""

from collections.abc import Iterable
from typing import Any

from destinations.models import Connection
from destinations.shares import usable_by, why_not
from syncadmin.teams.models import Team
from syncs.configuration.checks import Fault
from syncs.configuration.document import Part
from syncs.configuration.problems import Problem, did_you_mean
from syncs.engine.permitted import models_for
from syncs.models import QueryModel


class Desk:
    """The document's team, looked up, and the list of what is wrong with the document."""

    def __init__(self, slug: str, problems: list[Problem]) -> None:
        self.team = Team.objects.filter(slug=slug).first()
        self.problems = problems

    def existing(self, model: Any, name: str, *related: str) -> Any:
        """What the team has under this name; None where it has nothing."""
        if self.team is None:
            return None
        return model.objects.filter(team=self.team, name=name).select_related(*related).first()

    def shared(self, name: str, object_key: str) -> Connection | None:
        """What another team shares under `its-team/name` for this object; None where it does not."""
        owner, slash, of_owner = name.partition("/")
        if self.team is None or not slash:
            return None
        found = usable_by(self.team).filter(team__slug=owner, name=of_owner).exclude(team=self.team).first()
        if found is None or why_not(found, self.team.pk, object_key):
            return None
        return found

    def shared_model(self, name: str) -> QueryModel | None:
        """What another team shares under `its-team/name`; None where it does not."""
        owner, slash, of_owner = name.partition("/")
        if self.team is None or not slash:
            return None
        return models_for(self.team).filter(team__slug=owner, name=of_owner).exclude(team=self.team).first()

    def missing(self, model: Any, part: Part, kind: str, name: str, named: Iterable[str], *path: str) -> None:
        """Tell that neither the document (which has `named`) nor the team has what the part refers to."""
        there = model.objects.filter(team=self.team).values_list("name", flat=True) if self.team else ()
        hint = did_you_mean(name, [*named, *there]) or "; neither the document nor the team has one"
        self.wrong(part, f"{part.called}: there is no {kind} `{name}`{hint}", *path)

    def wrong(self, part: Part, message: str, *path: str) -> None:
        """Tell a mistake at the line of what the path names."""
        self.problems.append(Problem(part.line_of(*path), message))

    def faults(self, part: Part, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self.wrong(part, f"{part.called}: {fault.message}", *fault.at)
