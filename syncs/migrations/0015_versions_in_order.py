from django.db import migrations

import syncs.models.ordered_json


class Migration(migrations.Migration):
    dependencies = [
        ("syncs", "0014_diffs_by_number"),
    ]

    operations = [
        migrations.AlterField(
            model_name="syncversion",
            name="definition",
            field=syncs.models.ordered_json.OrderedJSON(),
        ),
    ]
