"""Tokens by which another program starts runs of one sync. Only digests are kept."""

import hmac

from django.utils import timezone

from syncadmin.lib import bearer
from syncadmin.teams.models import User
from syncs.models import StartToken, Sync

PREFIX = "sync_"


def make(sync: Sync, *, made_by: User) -> str:
    """A new token for the sync; the one before is no longer good. It is told this once."""
    secret = bearer.make(PREFIX)
    told = {"team_id": sync.team_id, "digest": bearer.digest(secret), "ending": secret[-bearer.SHOWN :]}
    StartToken.objects.update_or_create(
        sync=sync, defaults={**told, "made_by": made_by, "made_at": timezone.now(), "used_at": None}
    )
    return secret


def is_good(sync: Sync, secret: str) -> bool:
    """Whether the secret is the sync's token; notes that it was used."""
    kept = StartToken.objects.filter(sync=sync).first()
    if kept is None or not hmac.compare_digest(kept.digest, bearer.digest(secret)):
        return False
    StartToken.objects.filter(pk=kept.pk).update(used_at=timezone.now())
    return True
