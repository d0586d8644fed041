from django.db import migrations, models


class Migration(migrations.Migration):
    """A diff is known by its batch's number: the few that there are go, and the next dry run makes its own."""

    dependencies = [('syncs', '0013_where_to_act')]

    operations = [
        migrations.DeleteModel(name='BatchDiff'),
        migrations.CreateModel(
            name='BatchDiff',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('plan_attempt', models.PositiveIntegerField()),
                ('number', models.PositiveIntegerField()),
                ('counts', models.JSONField(default=dict)),
                ('befores', models.BinaryField()),
                ('run', models.ForeignKey(db_index=False, on_delete=models.deletion.CASCADE, related_name='batch_diffs', to='syncs.run')),
                ('team', models.ForeignKey(db_index=False, on_delete=models.deletion.CASCADE, related_name='+', to='teams.team')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('run', 'plan_attempt', 'number'), name='batch_diff_once_per_plan')],
            },
        ),
    ]
