"""A Docker Engine for the tests, with the containers of the desk; everything that the tests create is removed later.

The tests use a running engine. If there is none, they start a dockerd with a separate folder and stop it by its pid.
The base image is pulled from a registry. If the pull fails, the tool next to the checkout builds the image. The host's
Prometheus program is copied into a local image and runs with the shipped configuration.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.ports import free_ports
from tests.support.shared_data import ROOT
from tests.support.waits import wait_for

BASE: Final = "python:3.11-slim-bookworm"
BASE_TOOL: Final = ROOT.parent / "shared" / "tools" / "docker-base.sh"
DISK_BYTES_MIN: Final = 4 * 10**9
"""Free disk space required for the base image, the packages (twice: a build stage and its copy), and other layers."""

BRIDGE: Final = "docker0"
BUILD_S: Final = 1_200.0
COMMAND_S: Final = 180.0
NEEDED: Final = {
    "docker": "docker.io",
    "docker-compose": "docker-compose",
    "debootstrap": "debootstrap",
    "prometheus": "prometheus",
}

_PROMETHEUS: Final = f"""
FROM {BASE}
COPY prometheus /bin/prometheus
RUN mkdir -p /prometheus && chown 65534:65534 /prometheus
USER 65534:65534
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]
"""


def missing() -> str:
    """The command that installs the packages which these tests need; empty if nothing is missing."""
    packages = [package for command, package in NEEDED.items() if shutil.which(command) is None]
    return f"apt-get install {' '.join(packages)}" if packages else ""


def run(*command: str, seconds: float = COMMAND_S, env: dict[str, str] | None = None) -> str:
    """Run a command and return its output; if the command fails, the AssertionError contains the output."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        check=False,
    )
    if done.returncode:
        raise AssertionError(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout


def answers() -> bool:
    """Whether a Docker Engine replies."""
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@contextmanager
def engine() -> Iterator[None]:
    """A running engine; it is started if there is none."""
    if answers():
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="pd-docker-"))
    free = shutil.disk_usage(folder).free
    assert free > DISK_BYTES_MIN, f"{folder}: {free / 1e9:.1f} GB free, expected {DISK_BYTES_MIN / 1e9:.0f} GB"
    address = f"unix://{folder}/docker.sock"
    before = os.environ.get("DOCKER_HOST")
    rules, has_bridge = _packet_rules(), _has_bridge()
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                "dockerd",
                *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
                *("--pidfile", str(folder / "dockerd.pid"), "-H", address),
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    os.environ["DOCKER_HOST"] = address
    try:
        wait_for(lambda: answers() or daemon.poll() is not None, "dockerd", seconds=60.0)
        assert daemon.poll() is None, (folder / "dockerd.log").read_text()[-2000:]
        yield
    finally:
        daemon.terminate()
        daemon.wait(60.0)
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
        shutil.rmtree(folder, ignore_errors=True)
        if not has_bridge and _has_bridge():
            subprocess.run(["ip", "link", "delete", BRIDGE], check=False)
        subprocess.run(["iptables-restore"], input=rules, text=True, check=False)


def _packet_rules() -> str:
    """The host's packet rules, to restore them later, because dockerd adds rules and does not remove them."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    # A missing table counts as empty: it accepts all packets.
    for table, chains in (
        ("filter", ("INPUT", "FORWARD", "OUTPUT")),
        ("nat", ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")),
        ("raw", ("PREROUTING", "OUTPUT")),
    ):
        if f"*{table}\n" not in rules:
            rules += f"*{table}\n" + "".join(f":{chain} ACCEPT [0:0]\n" for chain in chains) + "COMMIT\n"
    return rules


def _has_bridge() -> bool:
    return Path("/sys/class/net", BRIDGE).exists()


def has_image(tag: str) -> bool:
    """Whether the engine has an image with this name."""
    return subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode == 0


def size_of(tag: str) -> int:
    """Size of an image with all its layers, in bytes."""
    return int(run("docker", "image", "inspect", "--format", "{{.Size}}", tag))


@contextmanager
def images() -> Iterator[dict[str, str]]:
    """The images of the desk and of Prometheus, as variables of docker-compose.yml; built images are removed later."""
    made = []
    try:
        if not has_image(BASE):
            pulled = (
                subprocess.run(["docker", "pull", "--quiet", BASE], capture_output=True, check=False).returncode == 0
            )
            if not pulled:
                assert BASE_TOOL.is_file(), f"{BASE} cannot be pulled, and there is no {BASE_TOOL} to build it"
                run(str(BASE_TOOL), BASE, seconds=BUILD_S)
            made.append(BASE)
        names = {
            "PAPERDESK_IMAGE": f"paperdesk:test-{os.getpid()}",
            "PROMETHEUS_IMAGE": f"paperdesk-prometheus:test-{os.getpid()}",
        }
        started = time.monotonic()
        run("docker-compose", "build", "mock-mt5", seconds=BUILD_S, env=names)
        made.append(names["PAPERDESK_IMAGE"])
        print(f"\nbuilt in {time.monotonic() - started:.0f} s")
        with tempfile.TemporaryDirectory() as context:
            prometheus = shutil.which("prometheus")
            assert prometheus is not None
            shutil.copy(prometheus, context)
            (Path(context) / "Dockerfile").write_text(_PROMETHEUS)
            run("docker", "build", "--quiet", "--tag", names["PROMETHEUS_IMAGE"], context, seconds=BUILD_S)
        made.append(names["PROMETHEUS_IMAGE"])
        yield names
    finally:
        for tag in reversed(made):
            run("docker", "image", "rm", "--force", tag)
        run(
            "docker", "image", "prune", "--force", "--filter", "label=org.opencontainers.image.title=paperdesk packages"
        )


class Desk:
    """The containers of docker-compose.yml, under a separate project name."""

    def __init__(self, names: dict[str, str]) -> None:
        """Prepare the project; no container runs before `up`."""
        self.project = f"paperdesk-test-{os.getpid()}"
        self.up_s = 0.0
        self.prometheus_port, self.page_port = free_ports(2)
        self._env = {
            **names,
            "PROMETHEUS_PORT": str(self.prometheus_port),
            "WEB_PORT": str(self.page_port),
            "COMPOSE_PROJECT_NAME": self.project,
        }

    def compose(self, *arguments: str, seconds: float = COMMAND_S) -> str:
        """Run one docker-compose command."""
        return run("docker-compose", *arguments, seconds=seconds, env=self._env)

    def up(self) -> None:
        """Start all containers; return when the gateway's container is healthy and the trader's has started."""
        self.compose("up", "--detach", "--no-build", seconds=300.0)
        self.up_s = time.monotonic()

    def down(self) -> None:
        """Stop all containers, and remove networks and volumes."""
        self.compose("down", "--volumes", "--timeout", "40", seconds=300.0)

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.compose("ps", "--quiet", service).strip()

    def inspect(self, service: str) -> Any:
        """Docker's description of a service's container."""
        return json.loads(run("docker", "inspect", self.container(service)))[0]

    def health(self, service: str) -> str:
        """Docker's health state: healthy, unhealthy or starting."""
        return str(self.inspect(service)["State"]["Health"]["Status"])

    def execute(self, service: str, *command: str) -> str:
        """Run a command in a container."""
        return run("docker", "exec", self.container(service), *command)

    def add_user(self, name: str, password: str) -> None:
        """Add a user with role trade, and start the page, which refuses to start without a user."""
        command = 'printf "%s\\n" "$2" | paperdesk web user add "$1" --role trade --data-dir var/data'
        self.execute("trader", "sh", "-c", command, "sh", name, password)
        self.execute("trader", "supervisorctl", "-c", "supervisord.container.conf", "start", "web")

    def pid_of(self, program: str) -> int:
        """The pid of a program in the trader's container, as supervisord reports it; 0 if it does not run."""
        pid = self.execute("trader", "supervisorctl", "-c", "supervisord.container.conf", "pid", program)
        return int(pid)

    def rows(self, what: str) -> list[dict[str, Any]]:
        """The rows of `paperdesk orders`, `deals` or `positions` in the trader's container."""
        found = json.loads(self.execute("trader", "paperdesk", what, "--data-dir", "var/data", "--json"))
        assert isinstance(found, list), found
        return found

    def logs(self) -> str:
        """The end of the containers' logs."""
        return self.compose("logs", "--no-color", "--tail", "40")

    @property
    def network(self) -> str:
        """The private network."""
        return f"{self.project}_desk"

    @property
    def page_network(self) -> str:
        """The network through which the host reaches the page."""
        return f"{self.project}_page"


def caps_of(status: str) -> Sequence[int]:
    """The capability sets in a /proc/PID/status."""
    return [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("Cap")]
