"""Deployment files are consistent: the compose file, Grafana's provisioning, and the files they name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.grafana import FOLDER, dashboards, queries
from tests.support.shared_data import ROOT

COMPOSE = shutil.which("docker-compose")


def provisioned(what: str) -> str:
    (file,) = (FOLDER / "provisioning" / what).iterdir()
    return file.read_text(encoding="utf-8")


def value_of(key: str, text: str) -> str:
    """The only value of a key in a YAML text."""
    (value,) = re.findall(rf"^[ -]*{key}: *(\S+)$", text, re.MULTILINE)
    return str(value)


def test_every_query_of_the_dashboard_uses_the_provisioned_source() -> None:
    source = provisioned("datasources")
    assert value_of("type", source) == "prometheus"
    assert value_of("url", source) == "http://prometheus:9090"
    assert {query.source for query in queries()} == {value_of("uid", source)}


def test_the_dashboards_folder_is_the_one_that_is_mounted() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    folder = value_of("path", provisioned("dashboards"))
    assert f"- ./deploy/grafana/dashboards:{folder}:ro\n" in compose
    assert "- ./deploy/grafana/provisioning:/etc/grafana/provisioning:ro\n" in compose
    home = value_of("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH", compose)
    assert home.startswith(folder)
    assert home.rpartition("/")[2] in dashboards()
    uids = [dashboard["uid"] for dashboard in dashboards().values()]
    assert len(set(uids)) == len(uids) == 2


@pytest.mark.skipif(COMPOSE is None, reason="no docker-compose here; Debian: apt-get install docker-compose")
@pytest.mark.parametrize("profile", ["", "grafana", "alertmanager"])
def test_docker_compose_accepts_the_compose_file(profile: str) -> None:
    """The command needs neither a Docker Engine nor settings; versions 1.29 and 2 have the same arguments."""
    assert COMPOSE is not None
    done = subprocess.run(
        [COMPOSE, *(["--profile", profile] if profile else []), "config", "--services"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.split())  # version 1.29 also lists services of inactive profiles
    assert found - {"grafana", "alertmanager"} == {"mock-mt5", "trader", "prometheus"}
    assert not profile or profile in found


@pytest.mark.skipif(COMPOSE is None, reason="no docker-compose here; Debian: apt-get install docker-compose")
def test_docker_compose_adds_alarms_to_people_by_a_second_file(tmp_path: Path) -> None:
    assert COMPOSE is not None
    done = subprocess.run(
        [COMPOSE, "-f", "docker-compose.yml", "-f", "deploy/compose/notify.yml", "config"],
        cwd=ROOT,
        env={**os.environ, "NOTIFY_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (
        f"{tmp_path}:/opt/paperdesk/notify:ro",
        "NOTIFY_FILE: /opt/paperdesk/notify/notify.toml",
        f"{ROOT}/deploy/compose/prometheus-targets:/etc/prometheus-targets:ro",
    )
    assert [line for line in lines if line not in done.stdout] == []
    assert "outside: {}\n" in done.stdout


def test_prometheus_scrapes_notify_only_with_the_second_file() -> None:
    targets = (ROOT / "deploy" / "compose" / "prometheus-targets" / "notify.yml").read_text(encoding="utf-8")
    settings = (ROOT / "deploy" / "compose" / "notify.yml").read_text(encoding="utf-8")
    prometheus = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    port = value_of("METRICS_PORT_NOTIFY", settings)
    assert f"trader:{port}" in targets
    assert f"trader:{port}" not in prometheus
    assert "- files: [/etc/prometheus-targets/*.yml]" in prometheus


def test_prometheus_uses_the_alertmanager_of_the_compose_file() -> None:
    prometheus = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "- targets: [alertmanager:9093]\n" in prometheus
    assert "  alertmanager:\n    profiles: [alertmanager]\n" in compose
    assert "- ./deploy/alertmanager:/etc/alertmanager:ro\n" in compose
