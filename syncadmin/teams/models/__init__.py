from syncadmin.teams.models.api_token import ApiToken
from syncadmin.teams.models.audit_entry import AuditEntry, TeamDeletion
from syncadmin.teams.models.invitation import Invitation, SetupToken
from syncadmin.teams.models.people import Membership, Team, User, UserManager
from syncadmin.teams.models.single_sign_on import Identity, SingleSignOn
from syncadmin.teams.models.throttle import Throttle

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Identity",
    "Invitation",
    "Membership",
    "SetupToken",
    "SingleSignOn",
    "Team",
    "TeamDeletion",
    "Throttle",
    "User",
    "UserManager",
]
