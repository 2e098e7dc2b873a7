"""Each rule reports a violation with its line, and accepts a correct file."""

from pathlib import Path

import pytest

from tests.tidy import names, rules
from tests.tidy.docstrings import numbers_have_units, raised_errors_are_documented
from tests.tidy.layers import (
    core_imports_pure_code_only,
    core_reads_no_clock,
    layers_point_down,
    packages_of_a_core_point_down,
)
from tests.tidy.owners import owners_alone_write
from tests.tidy.rules import RULES, Rule
from tests.tidy.source import SourceFile, Violation

CORE = "services/signal/core/symbol_engine.py"
SHELL = "services/signal/shell.py"
PORTFOLIO = "services/portfolio/core"
GATEWAY = "services/mt5/core"
A_TEST = "tests/unit/test_it.py"
LATER = "TO" + "DO"
A_HOME = "/" + "home/trader/ticks"


def judge(rule: Rule, path: str, text: str) -> list[Violation]:
    """The violations that a rule reports in a single file whose folders are packages."""
    packages = [
        SourceFile(f"{parent.as_posix()}/__init__.py", '"""A package."""') for parent in Path(path).parents[:-1]
    ]
    return list(rule([SourceFile(path, text), *packages]))


BREAKS: list[tuple[Rule, str, str, int]] = [
    (core_imports_pure_code_only, CORE, "import zmq", 1),
    (core_imports_pure_code_only, CORE, "import math\nfrom common import clock", 2),
    (core_imports_pure_code_only, CORE, "import os.path", 1),
    (core_imports_pure_code_only, CORE, "import random", 1),
    (core_imports_pure_code_only, CORE, "import time", 1),
    (core_imports_pure_code_only, CORE, "import polars as pl", 1),
    (core_imports_pure_code_only, CORE, "def f():\n    import logging", 2),
    (core_imports_pure_code_only, CORE, "from services.signal import settings", 1),
    (core_imports_pure_code_only, CORE, "from services.portfolio.core import lots", 1),
    (core_imports_pure_code_only, CORE, "from services.signal.core_helpers import x", 1),
    (core_imports_pure_code_only, CORE, "from .. import shell", 1),
    (core_imports_pure_code_only, "services/mt5/core/book/fills.py", "import structlog", 1),
    (core_imports_pure_code_only, "marketdata/tick_stream.py", "import polars", 1),
    (core_imports_pure_code_only, CORE, "from marketdata.files import read", 1),
    (core_reads_no_clock, CORE, "import time\n\nx = time.time_ns()", 3),
    (core_reads_no_clock, CORE, "from time import monotonic as now\nx = now()", 2),
    (core_reads_no_clock, CORE, "import time\ndef f(clock=time.perf_counter): ...", 2),
    (core_reads_no_clock, CORE, "from datetime import datetime\nx = datetime.now()", 2),
    (core_reads_no_clock, CORE, "import datetime as dt\nx = dt.datetime.utcnow()", 2),
    (core_reads_no_clock, CORE, "import datetime\nx = [datetime.datetime.now]", 2),
    (core_reads_no_clock, CORE, "open('x')", 1),
    (core_reads_no_clock, CORE, "print('x')", 1),
    (core_reads_no_clock, CORE, "import numpy as np\nx = np.random.normal()", 2),
    (layers_point_down, "proto/ticks.py", "from common import clock", 1),
    (layers_point_down, "proto/ticks.py", "import services.mt5", 1),
    (layers_point_down, "common/clock.py", "from services.signal import shell", 1),
    (layers_point_down, "common/clock.py", "import research.backtest", 1),
    (layers_point_down, SHELL, "from services.portfolio import shell", 1),
    (layers_point_down, SHELL, "from services import portfolio", 1),
    (layers_point_down, "services/web/app.py", "import services.portfolio.shell", 1),
    (layers_point_down, "services/web/app.py", "import services.mt5.core.gateway", 1),
    (layers_point_down, "services/portfolio/shell.py", "import services.web.app", 1),
    (layers_point_down, "marketdata/files/source.py", "import services.mt5.core", 1),
    (layers_point_down, "services/mt5/shell.py", "from research.backtest import run", 1),
    (layers_point_down, SHELL, "import cli.main", 1),
    (layers_point_down, "research/backtest.py", "from cli import main", 1),
    (layers_point_down, "research/backtest.py", "from orchestration import replay_runner", 1),
    (layers_point_down, "orchestration/supervisor.py", "import verification.chaos", 1),
    (
        packages_of_a_core_point_down,
        f"{PORTFOLIO}/account/orders.py",
        "from services.portfolio.core.risk import limits",
        1,
    ),
    (
        packages_of_a_core_point_down,
        f"{PORTFOLIO}/sizing/sizer.py",
        "from services.portfolio.core.account import cash",
        1,
    ),
    (packages_of_a_core_point_down, f"{PORTFOLIO}/queries/status.py", "import services.portfolio.core.portfolio", 1),
    (
        packages_of_a_core_point_down,
        f"{GATEWAY}/ports/terminal.py",
        "from services.mt5.core.gateway import lease",
        1,
    ),
    (
        packages_of_a_core_point_down,
        f"{GATEWAY}/simulated/venue.py",
        "import services.mt5.core.gateway.gateway.journal",
        1,
    ),
    (layers_point_down, "cli/main.py", "from tests.support import builders", 1),
    (owners_alone_write, f"{PORTFOLIO}/portfolio.py", "def f(state):\n    state.stream.now = 1", 2),
    (owners_alone_write, f"{PORTFOLIO}/portfolio.py", "def f(self):\n    self._stream.malformed += 1", 2),
    (owners_alone_write, f"{PORTFOLIO}/risk/checks.py", "def f(one: AccountState): one.epoch, x = 1, 2", 1),
    (owners_alone_write, f"{PORTFOLIO}/state/stream.py", "def f(lease): del lease.epoch", 1),
    (
        owners_alone_write,
        f"{PORTFOLIO}/portfolio.py",
        "def f(state):\n    mine = state.account\n    mine.deal_pulls = 7",
        3,
    ),
    (owners_alone_write, f"{PORTFOLIO}/portfolio.py", "def f(stream):\n    stream.last_signals.clear()", 2),
    (owners_alone_write, f"{PORTFOLIO}/portfolio.py", "def f(state):\n    state.stream.cursor.denied['X'] = 1", 2),
    (
        owners_alone_write,
        f"{PORTFOLIO}/portfolio.py",
        "def f(cursor):\n    found = cursor.denied\n    found.pop('X')",
        3,
    ),
    (owners_alone_write, f"{PORTFOLIO}/portfolio.py", "def f(stream):\n    stream.risk.orders_of_day += 1", 2),
    (owners_alone_write, f"{PORTFOLIO}/portfolio.py", "def f(stream):\n    stream.risk.peaks.high = 1", 2),
    (owners_alone_write, f"{PORTFOLIO}/risk/checks.py", "def f(context): context.risk_state.runs.clear()", 1),
    (
        owners_alone_write,
        f"{PORTFOLIO}/decision/exits.py",
        "def f(stream):\n    own = stream.risk.breakers['X']\n    own.losses = 0",
        3,
    ),
    (
        owners_alone_write,
        f"{PORTFOLIO}/state/account.py",
        "def f(self):\n    update_from_event(self._stream.risk, 1)",
        2,
    ),
    (
        owners_alone_write,
        f"{PORTFOLIO}/decision/rule_exceptions.py",
        "def f(state):\n    mine = state.stream.risk\n    clear_rule(mine, 1)",
        3,
    ),
    (owners_alone_write, f"{PORTFOLIO}/portfolio.py", "def f(stream): update_volatility(stream.volatility, 'X')", 1),
    (owners_alone_write, f"{PORTFOLIO}/portfolio.py", "def f(stream): stream.volatility['X'].minutes = 1", 1),
    (owners_alone_write, "research/backtest.py", "def f(state): state.stream.last_signals['EURUSD'] = 1", 1),
    (owners_alone_write, "services/portfolio/shell.py", "def f(state): state.latencies.ticks.append(1)", 1),
    (rules.modules_are_short, SHELL, "x = 1\n" * 451, 451),
    (rules.modules_have_docstrings, SHELL, "x = 1", 1),
    (rules.modules_have_docstrings, SHELL, '""" """', 1),
    (rules.modules_have_docstrings, "cli/__init__.py", "", 1),
    (rules.no_path_of_one_machine, "docs/operations.md", f"Look at\n{A_HOME}.", 2),
    (rules.no_path_of_one_machine, SHELL, f'PATH = "{A_HOME}"', 1),
    (rules.no_package_registry, "Dockerfile", "RUN pip install --extra-index" + "-url x y", 1),
    (rules.no_package_registry, "requirements/base.lock", "# https://py" + "pi.org/simple", 1),
    (rules.nothing_unfinished, "docs/operations.md", f"# Limits\n\n{LATER}: write this", 3),
    (rules.nothing_unfinished, SHELL, f"x = 1  # {LATER} later", 1),
    (numbers_have_units, SHELL, 'def f(price: float) -> None:\n    """Set it."""', 1),
    (numbers_have_units, SHELL, "class A:\n    def f(self, *, levels: NDArray[np.float64]) -> None:\n        ...", 2),
    (raised_errors_are_documented, SHELL, 'def f() -> None:\n    """Start."""\n    raise StartError("x")', 1),
    (rules.texts_use_plain_words, "docs/risk.md", "# Risk\n\nThe desk is halted " + "by" + " now.", 3),
    (rules.texts_use_plain_words, SHELL, 'def f():\n    raise ValueError("the ledger is folded an' + 'ew")', 2),
    (rules.only_the_command_line_prints, SHELL, "def f():\n    print('x')", 2),
    (rules.only_the_command_line_prints, "research/report.py", "print('x')", 1),
    (rules.broad_excepts_are_explained, SHELL, "try:\n    f()\nexcept:  # whatever it may be\n    pass", 3),
    (rules.broad_excepts_are_explained, SHELL, "try:\n    f()\nexcept Exception:\n    pass", 3),
    (rules.broad_excepts_are_explained, SHELL, "try:\n    f()\nexcept Exception:  # noqa: BLE001\n    pass", 3),
    (rules.broad_excepts_are_explained, A_TEST, "try:\n    f()\nexcept (OSError, BaseException) as e:\n    pass", 3),
    (rules.tests_do_not_sleep, A_TEST, "import time\ntime.sleep(1)", 2),
    (rules.tests_do_not_sleep, A_TEST, "from time import sleep as rest\nrest(1)", 2),
    (rules.tests_do_not_sleep, A_TEST, "import asyncio\nasync def f(): await asyncio.sleep(0)", 2),
    (rules.the_root_stays_bare, "FINAL_REPORT.md", "", 1),
    (rules.the_root_stays_bare, "scripts/run.sh", "", 1),
    (names.paths_exist, "README.md", "Look at\n`services/signal/gone.py`.", 2),
    (names.paths_exist, "docs/risk.md", "[levels](../services/portfolio/core/levels.py)", 1),
    (names.paths_exist, "docs/index.md", "as docs/decisions/NNNN-....md says", 1),
    (names.paths_exist, "docs/index.md", "each in its `services/<name>/core/`", 1),
    (names.paths_exist, "Makefile", "\tpytest tests/unit/gone", 1),
    (names.paths_exist, "Dockerfile", "CMD /opt/paperdesk/deploy/gone", 1),
    (names.paths_exist, A_TEST, "# tests/unit/test_it.py::test_gone", 1),
    (names.paths_exist, SHELL, '"""As `signal/shell.py`, `walk`."""\ndef run(): ...', 1),
    (names.paths_exist, SHELL, '"""Talks for\n`core/engine.py`."""', 2),
    (names.paths_exist, SHELL, '"""Talks for `core/`."""', 1),
    (names.paths_exist, SHELL, "x = 1  # as services/*/core/ has it", 1),
    (names.paths_exist, SHELL, 'PAGE = ROOT / "docs" / "gone.md"', 1),
    (names.paths_exist, SHELL, 'text = f"services/{name}/gone.toml"', 1),
    (names.dotted_names_exist, A_TEST, '"""\nfrom tests.unit.test_it import gone\n"""', 2),
    (names.dotted_names_exist, "supervisord.conf", "command=python -m services.signals", 1),
    (names.dotted_names_exist, "docs/index.md", "`proto.gateway.Hello`", 1),
    (names.dotted_names_exist, SHELL, '"""Talks for `services.signal.core.engine`."""', 1),
    (names.dotted_names_exist, SHELL, "def run(): ...\n# services.signal.shell.walk", 2),
    (names.dotted_names_exist, SHELL, "class Shell: ...\n# services.signal.shell.Shell.walk", 2),
    (names.dotted_names_exist, SHELL, 'x = f"services.{name}.gone"', 1),
    (names.backticked_names_exist, SHELL, "x = 1\n# `gone` does the rest", 2),
    (names.exceptions_exist, SHELL, 'def f():\n    """Do.\n\n    Raises:\n        GoneError: never.\n    """', 4),
    (names.backticked_names_exist, SHELL, '"""Talks for\n`engine`."""', 2),
    (names.backticked_names_exist, SHELL, '"""Talks for an `engine.Engine`."""', 1),
    (names.backticked_names_exist, SHELL, 'X = 1\n"""How many `walk` takes."""', 2),
    (names.backticked_names_exist, "services/signal/__init__.py", '"""`core_*` decide."""\ndef f(core_x): ...\n', 1),
    (names.classes_exist, "docs/risk.md", "As `GoneRule` has it.", 1),
    (names.classes_exist, SHELL, "x = 1\n# `GoneRule.check` does it", 2),
    (names.links_have_targets, "docs/risk.md", "# Risk\n\n[as told](gone.md#risk)", 3),
    (names.links_have_targets, "docs/risk.md", "# Risk\n[further down](#the-ladder)", 2),
    (names.links_have_targets, "docs/risk.md", "```\n# Risk\n```\n[further up](risk.md#risk)", 4),
]

KEEPS: list[tuple[Rule, str, str]] = [
    (core_imports_pure_code_only, CORE, "from collections import deque\nimport numpy as np\nfrom proto import ticks"),
    (core_imports_pure_code_only, CORE, "from services.signal.core import features\nimport services.signal.core.model"),
    (core_imports_pure_code_only, CORE, "from . import features"),
    (core_imports_pure_code_only, SHELL, "import zmq\nfrom common import clock"),
    (core_reads_no_clock, CORE, "def f(now, lots): return [lot.open() for lot in lots], now.time_ns()"),
    (core_reads_no_clock, CORE, "from datetime import datetime, UTC\nx = datetime.fromtimestamp(0, UTC)"),
    (core_reads_no_clock, CORE, "from numpy.random import Generator, Philox\nx = Generator(Philox(key=1))"),
    (core_reads_no_clock, CORE, "def f(time, datetime): return time.quote_ns, datetime.datetime.now"),
    (core_reads_no_clock, SHELL, "import time\nx = time.time_ns()"),
    (layers_point_down, "common/clock.py", "import zmq\nfrom proto import units"),
    (
        layers_point_down,
        SHELL,
        "from services.signal.core import engine\nimport common.clock\nimport proto.trading.units",
    ),
    (core_imports_pure_code_only, "marketdata/files/parquet.py", "import polars"),
    (
        core_imports_pure_code_only,
        "services/mt5/core/simulated/venue.py",
        "from marketdata.instruments import catalogue",
    ),
    (layers_point_down, "services/mt5/source.py", "from marketdata.files import read"),
    (layers_point_down, "cli/main.py", "import verification.chaos\nfrom orchestration import supervisor"),
    (
        packages_of_a_core_point_down,
        f"{PORTFOLIO}/risk/checks.py",
        "from services.portfolio.core.account import orders",
    ),
    (packages_of_a_core_point_down, f"{PORTFOLIO}/portfolio.py", "from services.portfolio.core.queries import status"),
    (packages_of_a_core_point_down, f"{GATEWAY}/gateway/gateway.py", "from services.mt5.core.ports import terminal"),
    (packages_of_a_core_point_down, f"{GATEWAY}/compose.py", "from services.mt5.core.simulated import venue"),
    (layers_point_down, "research/backtest.py", "from services.mt5.core import book"),
    (layers_point_down, "cli/main.py", "import research.backtest\nimport services.signal.__main__"),
    (layers_point_down, A_TEST, "from tests.support import builders\nimport cli.main"),
    (owners_alone_write, f"{PORTFOLIO}/state/stream.py", "def f(stream): stream.now = 1"),
    (
        owners_alone_write,
        f"{PORTFOLIO}/portfolio.py",
        "def f(self, stream):\n    self.stream = stream\n    x = stream.now",
    ),
    (
        owners_alone_write,
        f"{PORTFOLIO}/account/book.py",
        "def f(book):\n    book.stream.end.x = 1\n    book.orders['a'] = 1",
    ),
    (owners_alone_write, f"{PORTFOLIO}/risk/rules/news.py", "def f(risk_state): risk_state.peaks.high = 1"),
    (
        owners_alone_write,
        f"{PORTFOLIO}/decision/rule_exceptions.py",
        "def f(state):\n    trial = deepcopy(state.stream.risk)\n    clear_rule(trial, 1)",
    ),
    (owners_alone_write, "services/mt5/core/simulated/venue.py", "def f(account): account.balance = 1"),
    (rules.modules_are_short, SHELL, "x = 1\n" * 450),
    (rules.modules_have_docstrings, SHELL, '"""Talks for the signal core."""\nx = 1'),
    (rules.no_path_of_one_machine, "docs/index.md", "docs/work/day, framework/home/x, ../shared/data, ~/home/x"),
    (rules.no_package_registry, "Makefile", "uv pip compile --no-emit-index-url"),
    (numbers_have_units, SHELL, 'def f(wait_ns: int, ordinal: int) -> None:\n    """Wait for tick `ordinal`."""'),
    (numbers_have_units, SHELL, "def _f(price: float) -> None: ..."),
    (numbers_have_units, A_TEST, "def f(price: float) -> None: ..."),
    (
        raised_errors_are_documented,
        SHELL,
        'def f() -> None:\n    """Start, or raise StartError."""\n    raise StartError',
    ),
    (rules.texts_use_plain_words, SHELL, 'STEP = "by' + ' now"  # a renewal'),
    (rules.nothing_unfinished, SHELL, "name = mktemp('desk.XXXXXX')"),
    (rules.only_the_command_line_prints, "cli/main.py", "print('x')"),
    (rules.broad_excepts_are_explained, SHELL, "try:\n    f()\nexcept OSError:\n    pass"),
    (
        rules.broad_excepts_are_explained,
        SHELL,
        "try:\n    f()\nexcept Exception:  # a plug-in may raise anything\n    pass",
    ),
    (rules.tests_do_not_sleep, A_TEST, "def test_it(clock): clock.sleep(1)"),
    (rules.tests_do_not_sleep, "common/event_loop.py", "import time\ntime.sleep(1)"),
    (rules.the_root_stays_bare, ".ci/run", ""),
    (
        names.paths_exist,
        SHELL,
        "# services/signal/shell.py, signal/shell.py, shell.py; services/signal, `signal/`",
    ),
    (names.paths_exist, SHELL, "# services/*/shell.py, services/<name>/, services/X/shell.py, services/….py"),
    (names.paths_exist, SHELL, 'x = f"services/{name}/{module}.py", "*.py", ROOT / "services" / "signal"'),
    (
        names.paths_exist,
        SHELL,
        "# https://example.org/docs/x.py, /usr/x.py, ~/x.py, $HOME/x.py, a/b, ticks/s, x.toml",
    ),
    (names.paths_exist, A_TEST, "# tests/unit/test_it.py::test_it\ndef test_it(): ..."),
    (names.paths_exist, SHELL, '"""As `shell.py`, `run` and `shell.py`, `x.toml`."""\ndef run(): ...'),
    (names.dotted_names_exist, SHELL, "# services.signal, services.signal.shell:run\ndef run(): ..."),
    (names.dotted_names_exist, SHELL, "# services.signal.shell.Shell.x\nclass Shell:\n    x: int"),
    (names.dotted_names_exist, SHELL, 'x = f"services.{name}.shell"  # services.*.shell, services.X'),
    (names.dotted_names_exist, SHELL, "def f(services): services.stop()"),
    (names.exceptions_exist, SHELL, 'def f():\n    """Do.\n\n    Raises:\n        OSError: always.\n    """'),
    (names.backticked_names_exist, SHELL, '"""`run` as `n` and `n_*`, for `signal`."""\ndef run(n, n_max): ...'),
    (names.backticked_names_exist, SHELL, '"""`shell.run` and `json.loads`, `make x`, `_ns`, `NO`."""\ndef run(): ...'),
    (names.backticked_names_exist, SHELL, '"""The table `bars`."""\nX = "select *\\nfrom bars"'),
    (names.backticked_names_exist, "services/signal/__init__.py", '"""`Engine` of `paperdesk`."""'),
    (
        names.links_have_targets,
        "docs/risk.md",
        "# It's `x`\n[](#its-x) [](../docs) [](https://example.org/gone.md#x)",
    ),
    (names.classes_exist, SHELL, '"""`SomeRule` and `SomeRule(x)`, `Gmt`."""\nclass SomeRule: ...'),
    (names.links_have_targets, "docs/risk.md", "# Risk\n# Risk\n[the second](risk.md#risk-1)"),
]


def id_of(value: object) -> str | None:
    """The name of a rule, for the id of a case; None for other values, for which pytest chooses the id."""
    return value.__name__ if callable(value) and hasattr(value, "__name__") else None


@pytest.mark.parametrize(("rule", "path", "text", "line"), BREAKS, ids=id_of)
def test_rule_finds_the_line_that_breaks_it(rule: Rule, path: str, text: str, line: int) -> None:
    broken = judge(rule, path, text)
    assert [violation.line for violation in broken] == [line]
    assert broken[0].path == (path.split("/")[0] if rule is rules.the_root_stays_bare else path)
    assert broken[0].remedy


@pytest.mark.parametrize(("rule", "path", "text"), KEEPS, ids=id_of)
def test_rule_accepts_a_correct_file(rule: Rule, path: str, text: str) -> None:
    assert judge(rule, path, text) == []


def test_folder_of_modules_without_init_file_breaks_the_rule() -> None:
    lonely = SourceFile("services/signal/shell.py", '"""A shell."""')
    assert [v.path for v in rules.modules_have_docstrings([lonely])] == ["services/signal/__init__.py"]


def test_short_name_in_a_service_is_looked_up_in_that_service() -> None:
    """A module with the same name in another service does not count."""
    ladder = SourceFile("services/portfolio/core/ladder.py", '"""Rungs."""')
    text = '"""As `ladder.py` and `ladder` have it."""'
    for rule in (names.paths_exist, names.backticked_names_exist):
        assert [v.path for v in rule([ladder, SourceFile(SHELL, text)])] == [SHELL]
        assert not [*rule([ladder, SourceFile("services/portfolio/shell.py", text)])]
        assert not [*rule([ladder, SourceFile("cli/why.py", text)])]


def test_word_in_the_docstring_of_a_package_must_be_a_module_of_that_package() -> None:
    """A variable with this name, or a module in a package below, does not count."""
    guide = SourceFile("services/signal/__init__.py", '"""`ladder` decides, `core` knows."""')
    for path in ("services/signal/core/ladder.py", "services/signal/core/ladders.py"):
        code = SourceFile(path, "ladder = 1")
        assert [v.fact for v in names.backticked_names_exist([guide, code])] == [
            "nothing directly in services.signal is called ladder"
        ]
    modules = [SourceFile(f"services/signal/{name}.py", "") for name in ("core", "ladder")]
    assert not [*names.backticked_names_exist([guide, *modules])]


def test_path_that_git_ignores_may_be_named() -> None:
    page = SourceFile("docs/operations.md", "All that is written lies in `var/`.")
    assert [*names.paths_exist([page])]
    assert not [*names.paths_exist([page, SourceFile(".gitignore", "# of one desk\nvar/\n")])]


def test_every_rule_has_a_file_that_breaks_it() -> None:
    assert {rule for rule, *_ in BREAKS} == set(RULES)


def test_violation_prints_file_line_fact_and_remedy() -> None:
    [violation] = judge(core_imports_pure_code_only, CORE, "\nimport zmq")
    assert str(violation).startswith(f"{CORE}:2: a core imports zmq; pass its result in")
