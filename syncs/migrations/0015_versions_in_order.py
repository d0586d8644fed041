from django.db import migrations

import syncs.models.sync_version


class Migration(migrations.Migration):
    dependencies = [
        ("syncs", "0014_diffs_by_number"),
    ]

    operations = [
        migrations.AlterField(
            model_name="syncversion",
            name="definition",
            field=syncs.models.sync_version.OrderedJSON(),
        ),
    ]
