"""The settings of a team, below /t/<team>/settings/."""

from django.urls import path

from syncadmin.teams.views import audit, settings, sso_settings, tokens

urlpatterns = [
    path("", settings.first, name="settings"),
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
