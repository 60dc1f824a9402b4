"""The files of `deploy/`: they say what the code says, pin what they pull, and hold no secret and no open port."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tokenarena_assets.cluster import services
from tokenarena_assets.defs.instance import CLUSTER_CONFIG, LOCAL_CONFIG

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
WORKERS = ["worker-eu", "worker-us"]


def test_the_instance_is_configured_in_one_way() -> None:
    assert (DEPLOY / "dagster-local.yaml").read_text() == LOCAL_CONFIG
    assert (DEPLOY / "dagster-cluster.yaml").read_text() == CLUSTER_CONFIG


def test_images_are_pinned() -> None:
    images = {name: service["image"] for name, service in COMPOSE["services"].items()}
    assert all(re.search(r":\d+\.\d+[\w.-]*$|:\$\{TOKENARENA_TAG:-\d", image) for image in images.values()), images
    (base,) = re.findall(r"^FROM (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert re.search(r":\d+\.\d+\.\d+-", base)


def test_no_port_is_open_to_others() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:3000:3000"]


def test_secrets_come_from_outside() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert set(re.findall(r"password=(\S+)", text)) == {"${POSTGRES_PASSWORD}"}
    assert set(re.findall(r"PASSWORD: (\S+)", text)) == {"${POSTGRES_PASSWORD}"}
    assert set(re.findall(r"://\w*:(\$\{\w+)", text)) == {"${REDIS_PASSWORD", "${POSTGRES_PASSWORD"}
    for example in (DEPLOY / "env.example", DEPLOY / "systemd" / "tokenarena.env.example"):
        assert not re.search(r"sk-|PASSWORD=\S", example.read_text())


def test_what_lasts_tells_its_health_and_waits_for_what_it_needs() -> None:
    for name in ("postgres", "redis", "webserver", "daemon"):
        assert COMPOSE["services"][name]["healthcheck"]["test"], name
    for name in ("webserver", "daemon", *WORKERS):
        needs = COMPOSE["services"][name]["depends_on"]
        assert needs["postgres"] == needs["redis"] == {"condition": "service_healthy"}
        assert needs["prepare"] == {"condition": "service_completed_successfully"}


def test_each_region_has_a_worker_with_a_disk_of_its_own() -> None:
    spools = set()
    for name in WORKERS:
        service = COMPOSE["services"][name]
        assert service["command"] == ["tokenarena", "worker", "--region", name.removeprefix("worker-")]
        (spool,) = [volume for volume in service["volumes"] if volume.endswith(":/spool")]
        assert service["environment"]["TOKENARENA_SPOOL"] == "/spool"
        spools.add(spool)
    assert len(spools) == len(WORKERS)
    named = {volume.split(":")[0] for s in COMPOSE["services"].values() for volume in s.get("volumes", [])}
    assert {name for name in named if not name.startswith(".")} == set(COMPOSE["volumes"])


def test_the_variables_are_those_that_the_code_reads() -> None:
    read = {value for name, value in vars(services).items() if name.endswith("_VARIABLE")}
    given = COMPOSE["services"]["worker-eu"]["environment"]
    assert read <= given.keys()
    assert read <= set(
        re.findall(r"^(\w+)=", (DEPLOY / "systemd" / "tokenarena.env.example").read_text(), re.MULTILINE)
    )
    assert given["TOKENARENA_POSTGRES_URL"].startswith(services.DRIVER)


def test_the_workers_file_has_the_two_levels_that_celery_wants() -> None:
    config = yaml.safe_load((DEPLOY / "celery.yaml").read_text())["execution"]["config"]
    assert config.keys() == {"broker", "backend"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_units_are_sound(unit: Path, tmp_path: Path) -> None:
    """With programs that are there: systemd looks for them."""
    text = re.sub(r"/opt/tokenarena/\.venv-cluster/bin/[\w-]+", "/bin/true", unit.read_text())
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not complaints, complaints
