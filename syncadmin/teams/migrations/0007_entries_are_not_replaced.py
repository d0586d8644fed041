from django.db import migrations

from syncadmin.teams import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('teams', '0006_invitations'),
    ]

    operations = [
        migrations.RunPython(append_only.install, migrations.RunPython.noop),
    ]
