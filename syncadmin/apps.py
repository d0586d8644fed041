from django.apps import AppConfig
from django.contrib.admin import apps as admin


class SyncadminConfig(AppConfig):
    """The project itself, as an app: its commands and its checks. It has no models."""

    name = "syncadmin"
    default = True

    def ready(self) -> None:
        from syncadmin import checks  # noqa: F401  registers them; they need the settings to be ready


class AdminConfig(admin.AdminConfig):
    """Django's admin with our site: `syncadmin/site.py`."""

    default = False
    default_site = "syncadmin.site.Site"
