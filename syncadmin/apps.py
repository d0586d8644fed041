from django.apps import AppConfig


class SyncadminConfig(AppConfig):
    """The project itself, as an app: its commands and its checks. It has no models."""

    name = "syncadmin"

    def ready(self) -> None:
        from syncadmin import checks  # noqa: F401  registers them; they need the settings to be ready
