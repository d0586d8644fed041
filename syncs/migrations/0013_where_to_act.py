"""Where a person must act before a stopped run's rows can go."""

from typing import Any

from django.db import migrations, models
from django.db.models import F


def tell_of_sign_ins(apps: Any, editor: Any) -> None:
    """So far a run that stopped for want of a sign-in was known by its words, which its connection has."""
    runs = apps.get_model("syncs", "Run").objects.using(editor.connection.alias)
    stopped = runs.filter(
        status="stopped",
        sync__connection__health="attention",
        stop_reason=F("sync__connection__health_reason"),
    ).exclude(stop_reason="")
    runs.filter(pk__in=list(stopped.values_list("pk", flat=True))).update(stopped_by="sign_in")


class Migration(migrations.Migration):
    dependencies = [
        ("syncs", "0012_schedules"),
        ("destinations", "0004_what_a_test_told"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="stopped_by",
            field=models.CharField(
                blank=True,
                choices=[
                    ("sign_in", "The destination's sign-in is no longer good"),
                    ("destination", "The destination"),
                    ("source", "The source"),
                ],
                editable=False,
                help_text="Where a person must act.",
                max_length=12,
            ),
        ),
        migrations.RunPython(tell_of_sign_ins, migrations.RunPython.noop),
    ]
