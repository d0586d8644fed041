"""Somebody to sign in as: owns the demo's team, and may enter the Django admin."""

import contextlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from syncadmin.teams.models import Membership, Team, User

EMAIL = "demo@example.com"
TEAM = "demo"

_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


@dataclass(frozen=True, slots=True)
class Login:
    """Who can sign in. `password` is empty where somebody has set another than ours."""

    user: User
    password: str = field(repr=False)


def ensure(password_file: Path) -> Login:
    """Make the team and its owner where they are missing. A password that is there is never changed."""
    user = User.objects.filter(email=EMAIL).first()
    if user is None:
        user = User.objects.create_superuser(EMAIL, _password_in(password_file))
    team, _ = Team.objects.get_or_create(slug=TEAM, defaults={"name": "Demo"})
    Membership.objects.get_or_create(team=team, user=user, defaults={"role": Membership.Role.OWNER})
    known = password_file.read_text().strip() if password_file.exists() else ""
    return Login(user, known if known and user.check_password(known) else "")


def _password_in(path: Path) -> str:
    """This installation's password, made on first use and readable by its owner alone."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text("-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4)))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()
