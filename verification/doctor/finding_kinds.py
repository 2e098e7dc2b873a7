"""The table of findings: code, check, grade, meaning, and what to do.

docs/doctor.md shows the rows. Programs must use a finding's code; its text is for people. Conditions of the desk,
retcodes and errors of the terminal are findings too (`CONDITION_KINDS`, `retcodes.TABLE`, `terminal_errors.TABLE`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Grade(StrEnum):
    """How grave a result is."""

    OK = "ok"
    UNKNOWN = "unknown"
    """It could not be examined, which is no proof that it is right."""

    WARNING = "warning"
    """The desk trades, but a person should look."""

    WRONG = "WRONG"
    """The desk does not start, does not trade, or is not safe."""


class FindingKind(NamedTuple):
    """A row of the table."""

    check: str
    grade: Grade
    meaning: str
    action: str


_U, _W, _X = Grade.UNKNOWN, Grade.WARNING, Grade.WRONG

FINDING_KINDS: Final[dict[str, FindingKind]] = {
    # ------------------------------------------------------------------------------------------------- installation
    "PYTHON_VERSION": FindingKind(
        "python", _X, "The interpreter is of an unsupported version.", "Run `make setup PYTHON=python3.12`."
    ),
    "PACKAGE_MISSING": FindingKind("python", _X, "A package of the lock is not installed.", "Run `make setup`."),
    "PACKAGE_DIFFERS": FindingKind(
        "python", _X, "An installed package has another version than the lock.", "Remove .venv and run `make setup`."
    ),
    "LOCK_UNREADABLE": FindingKind(
        "python", _U, "The lock cannot be read.", "Restore requirements/base.lock of this version."
    ),
    "SQLITE_OLD": FindingKind(
        "sqlite",
        _X,
        "SQLite is older than 3.51.3 and can damage a database with several connections.",
        "Remove .venv and run `make setup`.",
    ),
    "NOT_EXAMINED": FindingKind(
        "files",
        _U,
        "A check, of any name, could not read a file or a folder.",
        "Run doctor as the user that runs the desk.",
    ),
    # ----------------------------------------------------------------------------------------------------- settings
    "SETTINGS_FILE_UNREADABLE": FindingKind(
        "settings",
        _X,
        "The file of settings cannot be read, or a line of it is not KEY=VALUE.",
        "Correct the file; `.env.example` shows its form.",
    ),
    "SETTING_UNKNOWN": FindingKind(
        "settings", _X, "A key of `.env` is no setting: no process starts.", "Correct or remove the key."
    ),
    "SETTING_MISSPELLED": FindingKind(
        "settings",
        _W,
        "A variable of the environment resembles a setting and has no effect.",
        "Correct the name, or ignore this if the variable belongs to another program.",
    ),
    "SETTING_INVALID": FindingKind(
        "settings",
        _X,
        "A setting has an invalid value: its process does not start.",
        "Correct the value; `paperdesk config` shows where each value comes from.",
    ),
    "SETTINGS_CONTRADICT": FindingKind(
        "settings", _X, "Two settings contradict each other.", "Change one of the two settings."
    ),
    "SETTINGS_NEEDED": FindingKind(
        "settings", _U, "The check needs settings that are wrong.", "Correct the settings first, then run doctor again."
    ),
    "SETTINGS_OF_COMMAND": FindingKind(
        "settings", _U, "The desk has the settings of the command that started it.", "Compare them with that command."
    ),
    "LIMITS_INVALID": FindingKind(
        "limits", _X, "The file of risk limits cannot be used.", "Correct the file (docs/risk.md)."
    ),
    "PLAN_INVALID": FindingKind("plan", _X, "The file of the plan cannot be used.", "Correct the file (docs/plan.md)."),
    "INSTRUMENTS_INVALID": FindingKind(
        "instruments",
        _X,
        "The file of instruments cannot be used.",
        "Correct the file; `paperdesk instruments check FILE` checks each symbol.",
    ),
    "SYMBOL_WITHOUT_TERMS": FindingKind(
        "instruments",
        _X,
        "The simulated venue has no contract terms of a symbol.",
        "Correct the symbol, or add its terms to a file for MT5_INSTRUMENTS.",
    ),
    "FILLS_INVALID": FindingKind(
        "instruments", _X, "The fill profile of the simulated venue cannot be used.", "Correct MT5_FILLS."
    ),
    "TICKS_MISSING": FindingKind(
        "instruments", _X, "A file of recorded ticks does not exist or cannot be read.", "Correct MT5_TICKS."
    ),
    "NOTIFY_FILE_INVALID": FindingKind(
        "alarms",
        _X,
        "The file of rules for alarms cannot be used.",
        "Correct the file (docs/alarms.md); `paperdesk notify check` checks it again.",
    ),
    "SECRET_UNUSABLE": FindingKind(
        "alarms",
        _X,
        "The address of a target for alarms is missing or is not one line.",
        "Set the variable, or write the file.",
    ),
    "TARGET_UNUSABLE": FindingKind(
        "alarms",
        _X,
        "No service has an address of this form.",
        "Correct the address (docs/alarms.md); `paperdesk notify test TARGET` sends a message.",
    ),
    "SECRET_OPEN": FindingKind(
        "alarms", _X, "Other users can read the secret of a target for alarms.", "Run `chmod 600 FILE`."
    ),
    "ALERT_COMMAND_MISSING": FindingKind(
        "alarms", _X, "The program of ALERT_COMMAND cannot be run.", "Correct ALERT_COMMAND, then restart watchdog."
    ),
    # -------------------------------------------------------------------------------------------------------- files
    "DESK_FOLDER": FindingKind(
        "folder",
        _W,
        "A file of the desk's folder is missing, outdated, or open to other users.",
        "Run the command that the text names.",
    ),
    "FOLDER_READ_ONLY": FindingKind(
        "files", _X, "The desk cannot write to one of its folders.", "Make the folder writable for the desk's user."
    ),
    "FILE_OF_OTHER_USER": FindingKind(
        "files",
        _X,
        "A file of the desk belongs to another user than its data directory.",
        "Run `chown UID FILE`, and start the desk always as one user.",
    ),
    "FILE_OPEN": FindingKind("files", _W, "Other users can read a file of the desk.", "Run `chmod 700 FOLDER`."),
    "SETTINGS_FILE_OPEN": FindingKind(
        "files", _W, "Other users can read passwords in `.env`.", "Run `chmod 600 FILE`."
    ),
    "USERS_FILE_OPEN": FindingKind(
        "files",
        _X,
        "Other users can read the users, sessions or tokens of the page.",
        "Run `chmod 600 FILE`; if others use this host, also `paperdesk web sign-out`.",
    ),
    "RUNTIME_DIR_OPEN": FindingKind(
        "files",
        _W,
        "Other users can enter the folder of the sockets, over which orders are sent.",
        "Run `chmod 700 FOLDER`.",
    ),
    "KEY_MISSING": FindingKind(
        "keys",
        _X,
        "The ledger is signed and its key is missing: the desk does not start.",
        "Put the key back from its copy; LEDGER_KEY_FILE names its place.",
    ),
    "KEY_OPEN": FindingKind("keys", _X, "Other users can read the key.", "Run `chmod 600 FILE`."),
    "KEY_UNUSABLE": FindingKind("keys", _X, "The key cannot be read or is damaged.", "Put the key back from its copy."),
    "KEY_OF_OTHER_LEDGER": FindingKind(
        "keys", _X, "The ledger was signed with another key.", "Put the right key back, or restore a backup."
    ),
    # ----------------------------------------------------------------------------------------------------- the host
    "SOCKET_PATH_LONG": FindingKind(
        "sockets",
        _X,
        "The path of a socket is longer than 107 bytes.",
        "Set PAPERDESK_RUNTIME_DIR to a folder with a short path.",
    ),
    "PORT_TAKEN": FindingKind(
        "sockets", _X, "Another process has a port that the desk needs.", "End that process, or set another port."
    ),
    "PORT_UNUSABLE": FindingKind(
        "sockets", _X, "The desk cannot bind an address.", "Correct the address: it must be one of this host."
    ),
    "PORT_TWICE": FindingKind(
        "sockets", _X, "Two settings have the same port.", "Give each of them a port of its own."
    ),
    "CLOCK_UNSYNCHRONIZED": FindingKind(
        "clock",
        _W,
        "The kernel reports that nothing synchronizes the clock, which decides deadlines at a real venue.",
        "Install chrony, or switch on the host's time synchronization.",
    ),
    "CLOCK_UNKNOWN": FindingKind(
        "clock",
        _U,
        "Whether the clock is synchronized is not known, or does not matter to a simulated venue.",
        "Check the host's time synchronization before the desk trades with a terminal.",
    ),
    "CLOCK_OFFSET": FindingKind(
        "clock",
        _X,
        "This host's clock and that of the gateway differ by more than a second.",
        "Synchronize the clocks of both hosts.",
    ),
    "CLOCK_STEP_AHEAD": FindingKind(
        "clock",
        _W,
        "The clock stepped while the desk was stopped: its next start becomes REDUCE_ONLY.",
        "Check the clock, start the desk, then `paperdesk resume --reason ...`.",
    ),
    "TIME_ZONES_MISSING": FindingKind(
        "clock", _X, "The host has no time zone data.", "Install the package tzdata of the host."
    ),
    "DISK_FULL": FindingKind(
        "disk", _X, "A disk of the desk has too little space to start or to store an order.", "Free space."
    ),
    "DISK_LOW": FindingKind("disk", _W, "A disk of the desk has less than 500 MiB.", "Free space."),
    "INODES_LOW": FindingKind(
        "disk", _X, "A disk of the desk can hold no more files.", "Remove files, or enlarge the file system."
    ),
    "DISK_READ_ONLY": FindingKind(
        "disk", _X, "A disk of the desk is mounted read-only.", "Mount it writable; first read the kernel's log."
    ),
    "MEMORY_LOW": FindingKind(
        "disk", _W, "The host has less than 200 MiB of free memory.", "End other programs, or add memory."
    ),
    # ----------------------------------------------------------------------------------------- strategies and models
    "STRATEGY_UNUSABLE": FindingKind(
        "strategy",
        _X,
        "A strategy does not exist, cannot be imported, or lacks a method.",
        "Correct STRATEGY or the strategy's module (docs/extending.md).",
    ),
    "STRATEGY_PARAMETER": FindingKind(
        "strategy", _X, "A value in STRATEGY_PARAMS, or in `[strategy]` of the plan, is wrong.", "Correct the value."
    ),
    "STRATEGY_SLOW": FindingKind(
        "strategy",
        _U,
        "The import of a strategy takes longer than doctor waits.",
        "If the host is busy, run doctor again; otherwise look for slow code at the top of the module.",
    ),
    "MODEL_UNUSABLE": FindingKind(
        "model", _X, "The model or its manifest is missing or invalid.", "Correct MODEL, or train the model again."
    ),
    "MODEL_CHANGED": FindingKind(
        "model",
        _X,
        "The model's file is not the one that its manifest describes.",
        "Copy the model's folder again from its source.",
    ),
    "MODEL_FEATURES": FindingKind(
        "model",
        _X,
        "The model was trained with other features than this version computes.",
        "Train the model again, or use the version that it was trained with.",
    ),
    "MODEL_XGBOOST": FindingKind(
        "model",
        _W,
        "XGBoost has another major version than at the training.",
        "Train the model again, and compare both in a backtest.",
    ),
    "KERNEL_CACHE": FindingKind(
        "model",
        _W,
        "No cache folder of compiled code is writable: each start of signal takes seconds longer.",
        "Set NUMBA_CACHE_DIR to a writable folder.",
    ),
    # ---------------------------------------------------------------------------------------------------- processes
    "SUPERVISOR_CONFIGURATION": FindingKind(
        "processes",
        _X,
        "supervisord.conf is invalid, or a folder that it names is missing.",
        "Create the folder that it names, or restore the file from this version.",
    ),
    "SUPERVISOR_DOWN": FindingKind(
        "processes",
        _X,
        "Processes of the desk run without supervisord: nothing restarts them.",
        "End the processes, then start supervisord.",
    ),
    "SUPERVISOR_HANGS": FindingKind(
        "processes", _X, "supervisord does not answer.", "If it is suspended, run `kill -CONT`; otherwise restart it."
    ),
    "PROCESS_FATAL": FindingKind(
        "processes",
        _X,
        "supervisord gave up on a process that ended again and again.",
        "Remove the cause that its log names, then `supervisorctl -c supervisord.conf start NAME`.",
    ),
    "PROCESS_REFUSED": FindingKind(
        "processes",
        _X,
        "A process ended because of a wrong setting or file.",
        "Correct what its last line names, then `supervisorctl -c supervisord.conf start NAME`.",
    ),
    "PROCESS_ENDED": FindingKind(
        "processes", _X, "A process is not running.", "Run `supervisorctl -c supervisord.conf start NAME`."
    ),
    "PROCESS_BACKOFF": FindingKind(
        "processes", _X, "A process ends right after each start.", "Remove the cause that its log names."
    ),
    "PROCESS_SUSPENDED": FindingKind(
        "processes", _X, "A process is suspended by a signal.", "Run `kill -CONT PID`; the watchdog restarts it, too."
    ),
    "PROCESS_HANGS": FindingKind(
        "processes",
        _X,
        "A process runs and its event loop does not.",
        "Wait for the watchdog, or run `supervisorctl -c supervisord.conf restart NAME`.",
    ),
    "PROCESS_RESTARTED": FindingKind(
        "processes",
        _W,
        "A process ended unexpectedly within the last hour and was restarted.",
        "Read the last lines of its log before the restart.",
    ),
    # -------------------------------------------------------------------------------------------------- the account
    "LEDGER_UNREADABLE": FindingKind(
        "ledger",
        _X,
        "The ledger is no database, is damaged, or cannot be read.",
        "Stop the desk and restore a backup: `paperdesk restore BACKUP --data-dir DIR`.",
    ),
    "LEDGER_VERSION": FindingKind(
        "ledger",
        _X,
        "The ledger was written by another version.",
        "Use that version, or run `paperdesk migrate DATA_DIR`.",
    ),
    "LEDGER_CHAIN": FindingKind(
        "ledger",
        _X,
        "The newest events of the ledger do not fit its hash chain.",
        "Stop the desk and restore a backup; `paperdesk verify` checks the whole chain.",
    ),
    "LEDGER_SIGNATURE": FindingKind(
        "ledger", _X, "The ledger does not match its signature: it was edited.", "Stop the desk and restore a backup."
    ),
    "LEDGER_OLDER": FindingKind(
        "ledger",
        _X,
        "The ledger ends before an event that was signed: it is an older copy.",
        "Find out who replaced it; put the newest copy back.",
    ),
    "LEDGER_HELD": FindingKind(
        "ledger",
        _X,
        "A process that does not answer holds the ledger.",
        "If it is portfolio, restart it; otherwise end it.",
    ),
    "DATABASE_DAMAGED": FindingKind(
        "databases",
        _X,
        "A database of the desk is truncated or damaged.",
        "Stop the desk; restore a copy, or delete it if docs/operations.md says that it is rebuilt.",
    ),
    "DATABASE_VERSION": FindingKind(
        "databases",
        _X,
        "A database was written by another version.",
        "Use that version, or run `paperdesk migrate DATA_DIR`.",
    ),
    "BOOK_MISSING": FindingKind(
        "databases",
        _X,
        "The venue's journal has orders, and its book is missing.",
        "Restore the book, or move the journal away, too.",
    ),
    # -------------------------------------------------------------------------------------------------- the gateway
    "GATEWAY_UNREACHABLE": FindingKind(
        "gateway", _U, "The gateway does not answer, and the desk is stopped.", "Start the desk or the gateway."
    ),
    "GATEWAY_DOWN": FindingKind(
        "gateway",
        _X,
        "The desk runs, and its gateway does not answer.",
        "Start the gateway; check ZMQ_EXECUTION_URL or GTW_HOST, and read mt5.log.",
    ),
    "NO_GATEWAY": FindingKind(
        "gateway",
        _X,
        "What answers at the gateway's address is no gateway of this version.",
        "Correct the address, or install one version on both hosts.",
    ),
    "ACCOUNT_OTHER": FindingKind(
        "gateway",
        _X,
        "The gateway has another account than the ledger.",
        "Connect the right gateway, or use an empty data directory for this account.",
    ),
    "JOURNAL_OTHER": FindingKind(
        "gateway",
        _W,
        "The gateway has another journal than the ledger knows.",
        "Put the journal back, or compare with `paperdesk reconcile`.",
    ),
    "ACCOUNT_REAL": FindingKind(
        "gateway", _W, "The account has real money.", "If that is not intended, stop the desk now."
    ),
    "VENUE_DOWN": FindingKind(
        "gateway",
        _X,
        "The gateway runs and cannot use its terminal or broker.",
        "Check the terminal: it must run, be logged in and be connected.",
    ),
    "LEASE_OF_OTHER": FindingKind(
        "gateway",
        _W,
        "A later portfolio than this ledger's has traded the account.",
        "Run only one desk for an account.",
    ),
    "SYMBOL_UNKNOWN": FindingKind(
        "symbols",
        _X,
        "The gateway does not know a symbol, or does not publish its ticks.",
        "Correct TRADING_SYMBOL there or here, or map the broker's name with MT5_SYMBOL_MAP.",
    ),
    "SYMBOL_NOT_TRADED": FindingKind(
        "symbols",
        _W,
        "The broker allows no opening orders in a symbol, or only of one side.",
        "Check the symbol's specification in the terminal.",
    ),
    "SYMBOL_WITHOUT_TICKS": FindingKind(
        "symbols",
        _W,
        "A symbol has had no tick since the gateway started.",
        "Check the market's hours, and the symbol in the terminal's Market Watch.",
    ),
    "NO_FILLING": FindingKind(
        "symbols",
        _X,
        "The broker accepts no filling mode for market orders in a symbol.",
        "Check the symbol's specification in the terminal.",
    ),
}
"""Every finding by its code, in the order of the checks."""
