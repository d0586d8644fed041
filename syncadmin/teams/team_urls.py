"""The settings of a team, below /t/<team>/settings/."""

from django.urls import path

from syncadmin.teams.views import audit, bulk, invitations, members, settings, sso_settings, tokens

urlpatterns = [
    path("", settings.first, name="settings"),
    path("members/", members.members, name="members"),
    path("members/many/", bulk.members_bulk, name="members_bulk"),
    path("members/invite/", invitations.invite, name="invite"),
    path("members/invited/<uuid:invitation>/again/", invitations.invitation_renew, name="invitation_renew"),
    path(
        "members/invited/<uuid:invitation>/take-back/",
        invitations.invitation_revoke,
        name="invitation_revoke",
    ),
    path("members/<uuid:member>/", members.member, name="member"),
    path("members/<uuid:member>/remove/", members.member_remove, name="member_remove"),
    path("members/<uuid:member>/hand-over/", members.member_hand_over, name="member_hand_over"),
    path("team/", settings.team_settings, name="team_settings"),
    path("leave/", members.team_leave, name="team_leave"),
    path("roles/", settings.roles, name="roles"),
    path("audit/", audit.audit_log, name="audit_log"),
    path("audit.csv", audit.audit_csv, name="audit_csv"),
    path("sign-on/", sso_settings.settings, name="sso_settings"),
    path("sign-on/test/", sso_settings.test, name="sso_test"),
    path("sign-on/remove/", sso_settings.remove, name="sso_remove"),
    path("tokens/", tokens.tokens, name="api_tokens"),
    path("tokens/add/", tokens.add, name="api_token_add"),
    path("tokens/<uuid:token>/remove/", tokens.remove, name="api_token_remove"),
]
