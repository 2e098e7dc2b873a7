"""What the checks examine: the installation, the settings, and one desk with its files, sockets and processes.

Each fact is read once, when the first check needs it. A fact that cannot be read is None, or has its error as text.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from common import heartbeat
from common.control_client import ControlClient
from common.errors import StartError
from common.project_root import DESK_ROOT, PROJECT_ROOT
from common.settings import SHARED, CommonSettings, check_env_file, load, setting_names, settings_models
from common.supervisor_rpc import RPC_ERRORS, call_supervisor
from common.writer_lock import owner_of
from orchestration.address_files import (
    ANNOUNCED,
    CONTROL_FILE,
    GATEWAY_FILE,
    announced_desks,
    is_listening,
    read_address,
)
from orchestration.process_states import supervisor_sockets
from orchestration.supervisord_configuration import CONFIGURATION
from proto.control import StatusQuery, StatusReply
from services.mt5.settings import Mt5Settings
from services.notify.settings import NotifySettings
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME
from services.portfolio.settings import PortfolioSettings
from services.signal.settings import SignalSettings
from services.signal.strategy_loader import MODEL_STRATEGIES
from services.watchdog.settings import WatchdogSettings
from services.web.settings import WebSettings
from verification.doctor.gateway_facts import GatewayFacts, ask_gateway
from verification.doctor.ledger_facts import LedgerFacts, read_ledger_facts
from verification.doctor.strategy_import import StrategyImport

STATUS_TIMEOUT_S: Final = 1.0
RPC_TIMEOUT_S: Final = 1.0


class ServiceSettings(NamedTuple):
    """The settings of one service; `settings` is None if they are wrong, and `error` then says why."""

    settings: CommonSettings | None
    error: str


class ExaminedDesk:
    """One desk and its installation."""

    def __init__(
        self, data_dir: Path, *, control_url: str | None = None, root: Path = PROJECT_ROOT, home: Path = DESK_ROOT
    ) -> None:
        """Describe the desk; nothing is read yet except the heartbeats, which are compared with later ones.

        Args:
            data_dir: the desk's data directory, which may be missing.
            control_url: the control socket; None to find it.
            root: the folder of the installation.
            home: the folder of `supervisord.conf` and `.env`: of `paperdesk init`, or the installation.
        """
        self.data_dir = data_dir
        self.root = root
        self.home = home
        self._given_control_url = control_url
        self.first_beats = self._beats()
        self.first_beats_at = time.monotonic()

    # ----------------------------------------------------------------------------------------------------- settings

    @cached_property
    def services(self) -> dict[str, ServiceSettings]:
        """The settings of every service, and the shared ones."""
        return {name: _loaded(model) for name, model in settings_models().items()}

    def settings_of(self, model: type[CommonSettings]) -> CommonSettings | None:
        """The settings of one service by their model; None if they are wrong."""
        return next((one.settings for one in self.services.values() if type(one.settings) is model), None)

    @property
    def shared(self) -> CommonSettings | None:
        """The settings that all services share; None if they are wrong."""
        return self.services[SHARED].settings

    @cached_property
    def mt5(self) -> Mt5Settings | None:
        """Settings of the gateway process."""
        found = self.settings_of(Mt5Settings)
        return found if isinstance(found, Mt5Settings) else None

    @cached_property
    def portfolio(self) -> PortfolioSettings | None:
        """Settings of portfolio."""
        found = self.settings_of(PortfolioSettings)
        return found if isinstance(found, PortfolioSettings) else None

    @cached_property
    def signal(self) -> SignalSettings | None:
        """Settings of signal."""
        found = self.settings_of(SignalSettings)
        return found if isinstance(found, SignalSettings) else None

    @cached_property
    def notify(self) -> NotifySettings | None:
        """Settings of the process that sends alarms."""
        found = self.settings_of(NotifySettings)
        return found if isinstance(found, NotifySettings) else None

    @cached_property
    def web(self) -> WebSettings | None:
        """Settings of the page."""
        found = self.settings_of(WebSettings)
        return found if isinstance(found, WebSettings) else None

    @cached_property
    def watchdog(self) -> WatchdogSettings | None:
        """Settings of the watchdog."""
        found = self.settings_of(WatchdogSettings)
        return found if isinstance(found, WatchdogSettings) else None

    # ---------------------------------------------------------------------------------------------------- addresses

    @cached_property
    def is_configured(self) -> bool:
        """Whether the settings name this desk's data directory."""
        return self.shared is not None and self.shared.paperdesk_data_dir.resolve() == self.data_dir.resolve()

    @cached_property
    def has_other_settings(self) -> bool:
        """Whether the desk has, or had when it ran, the settings of a command line, which are not known here.

        False if the settings are wrong, which their check reports.
        """
        if self.shared is None:
            return False
        return not self.is_configured or self._noted(CONTROL_FILE) is not None or self._is_announced

    @property
    def _is_announced(self) -> bool:
        return any(Path(one.data_dir).resolve() == self.data_dir.resolve() for one in announced_desks(ANNOUNCED))

    @cached_property
    def control_url(self) -> str | None:
        """Portfolio's control socket; None if it is not known."""
        noted = self._given_control_url or self._noted(CONTROL_FILE)
        return noted or (self.shared.control_url if self.shared is not None and self.is_configured else None)

    @cached_property
    def gateway_url(self) -> str | None:
        """The gateway's request socket; None if it is not known."""
        noted = self._noted(GATEWAY_FILE)
        return noted or (self.shared.gateway_url if self.shared is not None and self.is_configured else None)

    @cached_property
    def runtime(self) -> Path | None:
        """The folder of the desk's sockets and heartbeats; None if it is not known."""
        noted = self._given_control_url or self._noted(CONTROL_FILE)
        if noted is not None and noted.startswith("ipc://"):
            return Path(noted.removeprefix("ipc://")).parent
        return self.shared.paperdesk_runtime_dir if self.shared is not None and self.is_configured else None

    @cached_property
    def supervisor_socket(self) -> Path | None:
        """The socket of the desk's supervisord; None if there is none."""
        sockets = () if self.runtime is None else supervisor_sockets(self.runtime)
        return next((path for path in sockets if path.is_socket()), None)

    @cached_property
    def supervisor_configuration(self) -> Path:
        """The configuration of the desk's supervisord: its own, or the shipped one."""
        own = self.home if self.runtime is None else self.runtime
        return own / CONFIGURATION if (own / CONFIGURATION).is_file() else self.home / CONFIGURATION

    @cached_property
    def log_dir(self) -> Path:
        """The folder of the logs."""
        own = self.data_dir / "logs"
        return own if own.is_dir() else self.home / "var" / "log"

    def _noted(self, name: str) -> str | None:
        """An address that a private desk has noted in its data directory; None if no process listens there."""
        url = read_address(self.data_dir, name) if self.data_dir.is_dir() else None
        return url if url is not None and is_listening(url) else None

    # -------------------------------------------------------------------------------------------------------- facts

    @cached_property
    def status(self) -> StatusReply | None:
        """Portfolio's status; None if it does not answer."""
        if self.control_url is None or not is_listening(self.control_url):
            return None
        with ControlClient(self.control_url) as client:
            try:
                return client.request(StatusQuery(), StatusReply, timeout_s=STATUS_TIMEOUT_S)
            except StartError:
                return None

    @cached_property
    def gateway(self) -> GatewayFacts:
        """What the gateway answers."""
        return ask_gateway(self.gateway_url, self.symbols)

    @cached_property
    def strategy_import(self) -> StrategyImport | None:
        """The started import of the strategies; None if the settings are wrong or there is nothing to import or check.

        A strategy with a model is not imported.
        """
        settings = self.signal
        if settings is None:
            return None
        if settings.strategy in MODEL_STRATEGIES and not settings.strategy_params and not settings.plan:
            return None
        return StrategyImport(settings, home=self.home, has_own_folder=self.home != self.root)

    @cached_property
    def ledger(self) -> LedgerFacts:
        """What the ledger contains."""
        return read_ledger_facts(self.data_dir / LEDGER_FILE_NAME, self.key_setting)

    @property
    def key_setting(self) -> str:
        """LEDGER_KEY_FILE, if it is that of this desk."""
        return self.portfolio.ledger_key_file if self.portfolio is not None and self.is_configured else ""

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The traded symbols: of the running desk, of its ledger, or of the settings."""
        if self.status is not None and self.status.symbols:
            return tuple(self.status.symbols)
        if self.shared is not None and self.is_configured:
            return self.shared.trading_symbol
        return tuple(self.ledger.symbols)

    @cached_property
    def ledger_owner(self) -> str | None:
        """The process that writes the ledger, as " (pid N)"; None if no process does.

        Raises:
            OSError: the lock file cannot be opened, so that a writer would not be seen.
        """
        try:
            return owner_of(self.data_dir / LEDGER_FILE_NAME)
        except OSError as error:
            if error.errno == errno.EROFS:  # nobody can write to a read-only disk
                return None
            raise

    @cached_property
    def programs(self) -> list[Mapping[str, Any]] | None:
        """Records of the programs at supervisord; None if it does not answer or does not run."""
        if self.supervisor_socket is None:
            return None
        try:
            rows: list[Mapping[str, Any]] = call_supervisor(
                f"unix://{self.supervisor_socket}", "getAllProcessInfo", timeout_s=RPC_TIMEOUT_S
            )
        except RPC_ERRORS:
            return None
        return rows

    @cached_property
    def is_running(self) -> bool:
        """Whether a process of the desk runs, as far as sockets, locks and supervisord show."""
        return self.ledger_owner is not None or self.programs is not None or self.is_supervisor_listening

    @property
    def is_supervisor_listening(self) -> bool:
        """Whether a process listens on supervisord's socket."""
        return self.supervisor_socket is not None and is_listening(f"ipc://{self.supervisor_socket}")

    def _beats(self) -> dict[str, heartbeat.HeartbeatRecord]:
        return {} if self.runtime is None else read_beats(self.runtime)


def read_beats(runtime: Path) -> dict[str, heartbeat.HeartbeatRecord]:
    """The heartbeats in a runtime folder, by program."""
    names = sorted(path.name.removesuffix(heartbeat.SUFFIX) for path in runtime.glob(f"*{heartbeat.SUFFIX}"))
    return {name: beat for name in names if (beat := heartbeat.read(runtime, name)) is not None}


def _loaded(model: type[CommonSettings]) -> ServiceSettings:
    try:
        check_env_file(setting_names())
        return ServiceSettings(load(model), "")
    except StartError as error:
        return ServiceSettings(None, str(error))
