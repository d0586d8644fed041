"""Where a form goes back to: the page that asked for what it makes."""

from syncadmin.teams.access import TeamRequest


def way_back(request: TeamRequest) -> str:
    """The page of the same team that `next` names; empty where it names none."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if wanted.startswith(f"/t/{request.team.slug}/") and "\\" not in wanted else ""
