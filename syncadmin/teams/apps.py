from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "syncadmin.teams"
    label = "teams"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from syncadmin.teams import sessions, sign_in_log, staff_log  # the models must be there first

        sessions.listen()
        sign_in_log.listen()
        staff_log.listen()
