"""Other programs (dbt, Airflow, Dagster) start a sync and ask how it went.

```
POST /api/syncs/<sync>/runs/          Authorization: Bearer <the sync's token>     202, the run
GET  /api/syncs/<sync>/runs/<run>/                                                 200, the run
```

Answers are JSON: the run as `manage.py run --json` prints it, or `error` in words for people.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from syncs.engine import start_tokens
from syncs.engine.run import AlreadyRunning, Paused, start
from syncs.engine.scheduling import is_first
from syncs.management.report import counts
from syncs.models import Run, Sync

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[HttpRequest, Sync, P], HttpResponseBase]


def by_token(method: str) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """The view gets the sync of whose token the request has. Nobody learns which syncs there are."""

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @csrf_exempt  # there is no cookie in it: who has the token may
        @login_not_required
        @never_cache
        @wraps(view)
        def with_sync(
            request: HttpRequest, sync: UUID, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if request.method != method:
                return _refused(405, f"Send {method}.", Allow=method)
            scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
            found = Sync.objects.select_related("team").filter(public_id=sync).first()
            is_good = scheme.lower() == "bearer" and found is not None
            if found is None or not (is_good and start_tokens.is_good(found, secret.strip())):
                words = (
                    "Send this sync's token as “Authorization: Bearer …”. An editor of the team makes one."
                )
                return _refused(401, words, **{"WWW-Authenticate": "Bearer"})
            return view(request, found, *args, **kwargs)

        return with_sync

    return decorate


@by_token("POST")
def start_by_token(request: HttpRequest, sync: Sync) -> JsonResponse:
    """Queue a run. 409 where it cannot be started now; of one that is active, with its id."""
    if is_first(sync):
        words = "Nobody has started the first full run yet. An editor of the team must do it in the browser."
        return _refused(409, words)
    try:
        run = start(sync, trigger=Run.Trigger.CALL)
    except AlreadyRunning as error:
        return _refused(409, "The sync is running already.", run=str(error.run.public_id))
    except Paused:
        return _refused(409, "The sync is paused. An editor of the team must resume it.")
    return JsonResponse(counts(run), status=202)


@by_token("GET")
def run_by_token(request: HttpRequest, sync: Sync, run: UUID) -> JsonResponse:
    """How a run of this sync goes, or went."""
    found = Run.objects.filter(sync=sync, public_id=run).first()
    return JsonResponse(counts(found)) if found is not None else _refused(404, "This sync has no such run.")


def _refused(status: int, error: str, run: str = "", **headers: str) -> JsonResponse:
    told: dict[str, Any] = {"error": error} | ({"run": run} if run else {})
    return JsonResponse(told, status=status, headers=headers)
