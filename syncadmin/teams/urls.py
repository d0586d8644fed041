"""Signing in and out, passwords, one's profile, and the first page."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import (
    LogoutView,
    PasswordResetCompleteView,
    PasswordResetDoneView,
)
from django.urls import path

from syncadmin.teams.views import account, invitations, setup, sso

sign_in = account.SignIn.as_view(redirect_authenticated_user=True)
# Where the admin pages send people who may not enter: shown to them although they are signed in.
sign_in_as_somebody_else = account.SignIn.as_view()

urlpatterns = [
    path("", account.home, name="home"),
    path("teams/", account.teams, name="teams"),
    path("teams/add/", account.team_add, name="team_add"),
    path("invitation/", invitations.invitation_accept, name="invitation_accept"),
    path("invitation/<str:secret>/", invitations.invitation, name="invitation"),
    path("setup/<str:secret>/", setup.set_up, name="set_up"),
    path("login/", sign_in, name="login"),
    path("sso/", sso.choose, name="sso"),
    path("sso/return/", sso.come_back, name="sso_return"),
    path("sso/link/", sso.link, name="sso_link"),
    path("sso/<slug:team>/", sso.start, name="sso_start"),
    path("sso/<slug:team>/go/", sso.go, name="sso_go"),
    path("logout/", login_not_required(LogoutView.as_view()), name="logout"),
    path("profile/", account.profile, name="profile"),
    path("password/", account.ChangePassword.as_view(), name="password_change"),
    path("password/forgotten/", account.ForgotPassword.as_view(), name="password_reset"),
    path(
        "password/sent/",
        PasswordResetDoneView.as_view(template_name="registration/password_reset_sent.html"),
        name="password_reset_done",
    ),
    path("password/new/<uidb64>/<token>/", account.SetPassword.as_view(), name="password_reset_confirm"),
    path(
        "password/set/",
        PasswordResetCompleteView.as_view(template_name="registration/password_reset_set.html"),
        name="password_reset_complete",
    ),
]
