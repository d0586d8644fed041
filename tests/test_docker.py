"""The image and the services: what their files promise, as far as that is seen without an engine."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from django.conf import settings

ROOT = settings.BASE_DIR
SECRETS = ("SECRET_KEY", "ENCRYPTION_KEYS", "DATABASE_PASSWORD")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (word, the rest), continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines() if line.strip()]


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_the_image_runs_as_nobody_in_particular():
    users = [rest for word, rest in instructions() if word == "USER"]
    assert users == ["10001:10001"]
    last_write = max(i for i, (word, _) in enumerate(instructions()) if word in {"COPY", "RUN", "ADD"})
    assert instructions().index(("USER", users[0])) > last_write, (
        "the program must not be its user's to change"
    )


def test_packages_come_by_the_hashes_of_the_lock_file_and_not_otherwise():
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--requirement /requirements.lock" in installs[0]
    assert ("COPY", "requirements.lock /") in instructions()


def test_the_image_has_the_python_that_we_require():
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    images = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert {image.partition(":")[0] for image in images} == {"python"}
    assert len(set(images)) == 1, "packages are built for the Python that runs them"
    version = tuple(map(int, re.search(r":(\d+)\.(\d+)-slim", images[0]).groups()))
    assert version >= tuple(map(int, least.removeprefix(">=").split(".")))


def test_the_image_holds_what_the_program_is_made_of_and_nothing_else():
    copied = {
        name.strip("/")
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    }
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert copied == let_in
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages | {"static", "templates", "manage.py"} <= copied


def test_no_secret_lies_in_the_image_or_in_the_services():
    dockerfile = (ROOT / "Dockerfile").read_text()
    kept = "".join(rest for word, rest in instructions() if word in {"ENV", "ARG"})
    assert not any(name in kept for name in SECRETS)
    assert "ENV_FILE= " in kept, "a file of settings in the image would be read"
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS"):
        assert re.findall(rf'{name}="?(.)', dockerfile) == ["$"], "made while it builds, kept nowhere"
    for service in compose()["services"].values():
        for name, value in service["environment"].items():
            if re.search("SECRET|KEY|PASSWORD|URL", name):
                said = re.sub(r"\$\{[A-Z_]+:\?[^}]+\}", "", value)
                assert said in {"", "postgres://syncadmin:@database:5432/syncadmin"}, name


@pytest.mark.parametrize("name", ["web", "worker", "database"])
def test_a_service_writes_to_its_volumes_only_and_may_not_become_more(name):
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in service["tmpfs"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)
    for volume in service["volumes"]:
        assert volume.partition(":")[0] in compose()["volumes"], "nothing of the host's is mounted"


def test_only_the_pages_are_reached_from_outside_and_only_from_this_machine():
    ports = {name: service.get("ports") for name, service in compose()["services"].items()}
    assert ports == {"web": ["127.0.0.1:${PORT:-8000}:8000"], "worker": None, "database": None}


def test_what_must_be_set_is_asked_for_by_name_and_the_rest_is_known_to_settings():
    text = (ROOT / "compose.yaml").read_text()
    asked = re.findall(r"\$\{([A-Z_]+):\?([^}]+)\}", text)
    assert {name for name, _ in asked} == {*SECRETS, "ALLOWED_HOSTS"}
    assert all(words.startswith("is missing in .env. ") for _, words in asked)
    known = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(compose()["services"]["web"]["environment"]) <= known


def test_web_and_worker_wait_for_what_they_need():
    services = compose()["services"]
    assert services["database"]["image"].startswith("postgres:17")
    for name, needed in (("web", {"database"}), ("worker", {"database", "web"})):
        assert set(services[name]["depends_on"]) == needed
        assert all(one == {"condition": "service_healthy"} for one in services[name]["depends_on"].values())
        for one in needed:
            assert services[one]["healthcheck"]["test"]
    assert "migrate" in services["web"]["command"][-1]
    grace = int(services["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > 30, "the supervisor gives its children half a minute"


def test_web_and_worker_share_uploads_and_files_and_no_lock():
    """The supervisor allows one of its kind in each DATA_DIR."""
    services = compose()["services"]
    web, worker = ({*services[name]["volumes"]} for name in ("web", "worker"))
    assert web & worker == {"files:/data/files", "uploads:/data/uploads"}
    assert {"web:/data"} == web - worker
    assert {"worker:/data"} == worker - web
    made = next(rest for word, rest in instructions() if word == "RUN" and "useradd" in rest)
    for folder in ("/data", "/data/files", "/data/uploads"):
        assert f" {folder}" in made, "a fresh volume takes its owner from the image's folder"


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_probe_is_python(name):
    compile(compose()["services"][name]["healthcheck"]["test"][-1], "probe", "exec")
