"""Whether a sync may still read its model and write by its connection, where those are other teams'."""

from django.db.models import Q, QuerySet

from destinations import shares
from syncadmin.teams.models import Team
from syncs.models import ModelShare, QueryModel, Sync


def models_for(team: Team) -> QuerySet[QueryModel]:
    """The team's own models and those shared with it, with source and owner."""
    shared = ModelShare.objects.filter(with_team=team).values("model")
    return QueryModel.objects.select_related("source", "team").filter(Q(team=team) | Q(pk__in=shared))


def name_for(model: QueryModel, team_id: int) -> str:
    """What the team calls the model: with its owner in front where another team shares it."""
    return model.name if model.team_id == team_id else f"{model.team.slug}/{model.name}"


def why_not(sync: Sync) -> str | None:
    """What speaks against a run of the sync; None: nothing. Without a query where all is its own team's."""
    model = sync.model
    is_own = model.team_id == sync.team_id
    if not is_own and not ModelShare.objects.filter(model=model, with_team=sync.team_id).exists():
        return (
            f"{model.team} no longer shares the model “{model}” with this team. An editor of {model.team} "
            "can share it again; or an editor of this team gives the sync another model."
        )
    return shares.why_not(sync.connection, sync.team_id, sync.object_key)
