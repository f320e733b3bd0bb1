from django.db import migrations

from alerts.defaults import DEFAULT_RULES


def add(apps, schema_editor):
    Rule = apps.get_model("alerts", "Rule")
    for fields in DEFAULT_RULES:
        Rule.objects.get_or_create(name=fields["name"], defaults=fields)


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
