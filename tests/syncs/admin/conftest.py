"""Alice's sync, and what a real run leaves behind."""

import pytest

from destinations.sandbox.running import running_sandbox
from syncadmin.teams.models import Team
from syncs.models import Sync
from tests.syncs.admin.history import make_sync
from tests.syncs.engine.scene import Scene, make_connection, person
from tests.syncs.engine.scene import make_sync as make_real_sync


@pytest.fixture
def sync(team: Team) -> Sync:
    return make_sync(team=team)


@pytest.fixture
def scene(transactional_db: None, team: Team, tmp_path, settings):
    """A real sync whose first run left rows of several kinds behind."""
    settings.FILES_DIR, settings.SCRATCH_DIR = tmp_path / "files", tmp_path / "scratch"
    settings.FILES_DIR.mkdir()
    with running_sandbox(switches={"job_seconds": 0.01}) as sandbox:
        sandbox.add_field("lead", "Tier__c", "picklist", options=["Gold", "Silver"])
        connection = make_connection(team=team, url=sandbox.url)
        mapping = {"email": "email", "first_name": "first_name", "Tier__c": "title"}
        found = Scene(
            team, sandbox, connection, make_real_sync(team=team, connection=connection, mapping=mapping)
        )
        sandbox.add_field("lead", "Tier__c", "picklist", options=["Gold"])
        found.rows = [
            person(1, title="Gold"),
            person(2, title="Silver"),
            person(3, title="Gold", email="<script>alert(1)</script>"),
            person(4, title="Gold"),
            person(5, title="Gold", email="person4@acme.com"),
        ]
        yield found
