from syncadmin.teams.models.audit_entry import AuditEntry, TeamDeletion
from syncadmin.teams.models.people import Membership, Team, User, UserManager

__all__ = ["AuditEntry", "Membership", "Team", "TeamDeletion", "User", "UserManager"]
