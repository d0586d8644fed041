from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from syncadmin.teams import views
from syncadmin.teams.forms import SignInForm

sign_in = LoginView.as_view(authentication_form=SignInForm, redirect_authenticated_user=True)
# Where the admin pages send people who may not enter: shown to them although they are signed in.
sign_in_as_somebody_else = LoginView.as_view(authentication_form=SignInForm)

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", sign_in, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
