"""Faults that tests plant in the files and settings of a stopped desk, with the codes that the doctor must find."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from common.project_root import PROJECT_ROOT
from orchestration.supervisord_configuration import CONFIGURATION
from services.portfolio.ledger.signing_key import ensure_key
from tests.support.doctored_desks import DoctoredDesk
from tests.support.tampering import edit, edit_skilfully

DEMO_MODEL: Final = PROJECT_ROOT / "models" / "demo"

BROKEN: Final = "my_broken_strategy"
ENDING: Final = "my_ending_strategy"
"""Names of a module whose import fails, and of one whose import ends the process."""

Plant = Callable[[DoctoredDesk], None]


def _damaged_ledger(desk: DoctoredDesk) -> None:
    with (desk.data_dir / "ledger.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)


def _edited_event(desk: DoctoredDesk) -> None:
    edit(desk.data_dir / "ledger.db", "UPDATE events SET payload = CAST(payload || ' ' AS BLOB) WHERE number = 2")


def _older_ledger(desk: DoctoredDesk) -> None:
    statement = "DELETE FROM events WHERE number > 1"
    edit_skilfully(desk.data_dir / "ledger.db", statement, is_chained=True)


def _earlier_version(desk: DoctoredDesk) -> None:
    edit(desk.data_dir / "ledger.db", "PRAGMA user_version = 1")


def _truncated_journal(desk: DoctoredDesk) -> None:
    journal = desk.data_dir / "venue" / "journal.db"
    os.truncate(journal, journal.stat().st_size // 2)


def _other_journal_version(desk: DoctoredDesk) -> None:
    edit(desk.data_dir / "venue" / "journal.db", "PRAGMA user_version = 1")


def _missing_book(desk: DoctoredDesk) -> None:
    (desk.data_dir / "venue" / "book.db").unlink()


def _missing_book_beside_another_fault(desk: DoctoredDesk) -> None:
    _missing_book(desk)
    desk.write("data/other.db", "no database, but not empty\n" * 40).chmod(0o600)


def _missing_key(desk: DoctoredDesk) -> None:
    (desk.data_dir / "keys" / "ledger.key").unlink()


def _open_key(desk: DoctoredDesk) -> None:
    (desk.data_dir / "keys" / "ledger.key").chmod(0o644)


def _damaged_key(desk: DoctoredDesk) -> None:
    (desk.data_dir / "keys" / "ledger.key").write_text("no key")


def _other_key(desk: DoctoredDesk) -> None:
    shutil.rmtree(desk.data_dir / "keys")
    ensure_key(desk.data_dir / "keys" / "ledger.key")


def _invalid_setting(desk: DoctoredDesk) -> None:
    desk.set(MT5_PACE="fast")


def _unknown_key(desk: DoctoredDesk) -> None:
    desk.write_env("TRADING_SYMBOLS=EURUSD\n")


def _broken_env(desk: DoctoredDesk) -> None:
    desk.write_env("TRADING_SYMBOL\n")


def _misspelled_variable(desk: DoctoredDesk) -> None:
    desk.set(TRADING_SYMBOLS="GBPUSD")


def _contradiction(desk: DoctoredDesk) -> None:
    desk.set(MT5_PACE="lockstep")


def _bad_plan(desk: DoctoredDesk) -> None:
    desk.set(PLAN=str(desk.write("plan.toml", '[sizing]\nmethod = "luck"\n')))


def _bad_parameter(desk: DoctoredDesk) -> None:
    desk.set(STRATEGY="ema_cross", STRATEGY_PARAMS="fast_ticks=0")


def _bad_parameter_in_the_plan(desk: DoctoredDesk) -> None:
    desk.set(PLAN=str(desk.write("plan.toml", "[strategy]\nfast = 20\n")), STRATEGY="xgboost")


def _bad_limits(desk: DoctoredDesk) -> None:
    desk.set(RISK=str(desk.write("limits.toml", "order_volume_max = -1\n")))


def _bad_instruments(desk: DoctoredDesk) -> None:
    desk.set(MT5_INSTRUMENTS=str(desk.write("instruments.toml", '[EURUSD]\ndigits = "five"\n')))


def _bad_fills(desk: DoctoredDesk) -> None:
    desk.set(MT5_FILLS="perfect")


def _missing_ticks(desk: DoctoredDesk) -> None:
    desk.set(MT5_MARKET="recorded", MT5_TICKS="no/such.parquet:EURUSD", MT5_PACE="lockstep")


def _unknown_strategy(desk: DoctoredDesk) -> None:
    module = desk.write(f"{BROKEN}.py", "import no_such_module\nclass Mine: pass\n")
    desk.set(STRATEGY=f"{module.stem}:Mine", PYTHONPATH=str(desk.folder))


def _ending_strategy(desk: DoctoredDesk) -> None:
    module = desk.write(f"{ENDING}.py", "import os\nos._exit(7)\n")
    desk.set(STRATEGY=f"{module.stem}:Mine", PYTHONPATH=str(desk.folder))


def _own_model(desk: DoctoredDesk) -> Path:
    model = desk.folder / "model"
    shutil.copytree(DEMO_MODEL, model)
    desk.set(MODEL=str(model))
    return model


def _flipped_model(desk: DoctoredDesk) -> None:
    model = _own_model(desk)
    path = model / json.loads((model / "manifest.json").read_text())["model"]["file"]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _other_features(desk: DoctoredDesk) -> None:
    manifest = _own_model(desk) / "manifest.json"
    fields = json.loads(manifest.read_text())
    fields["features"]["schema_sha256"] = "0" * 64
    manifest.write_text(json.dumps(fields))


def _missing_model(desk: DoctoredDesk) -> None:
    (_own_model(desk) / "manifest.json").unlink()


def _other_xgboost(desk: DoctoredDesk) -> None:
    manifest = _own_model(desk) / "manifest.json"
    fields = json.loads(manifest.read_text())
    fields["libraries"]["xgboost"] = "1.7.6"
    manifest.write_text(json.dumps(fields))


def _read_only_folder(desk: DoctoredDesk) -> None:
    desk.data_dir.chmod(0o500)


def _open_users(desk: DoctoredDesk) -> None:
    users = desk.data_dir / "web_users.toml"
    users.write_text("")
    users.chmod(0o644)


def _long_path(desk: DoctoredDesk) -> None:
    desk.set(PAPERDESK_RUNTIME_DIR=f"/tmp/{'long' * 30}")


def _same_ports(desk: DoctoredDesk) -> None:
    desk.set(METRICS_PORT_MT5="9101", METRICS_PORT_SIGNAL="9101")


def _foreign_address(desk: DoctoredDesk) -> None:
    desk.set(MT5_REQUEST_URL="tcp://192.0.2.1:5555", ZMQ_EXECUTION_URL=f"ipc://{desk.folder}/gw.ipc")


def _missing_alert_command(desk: DoctoredDesk) -> None:
    desk.set(ALERT_COMMAND="/no/such/program --now")


def _notify_file(desk: DoctoredDesk, *, secret: str = "json://127.0.0.1:9/alarms", mode: int = 0o600) -> Path:
    """Write a rules file with one target, and the secret of the target."""
    (desk.folder / "phone.url").write_text(secret)
    (desk.folder / "phone.url").chmod(mode)
    rules = '[targets.phone]\nurl_file = "phone.url"\n[[rules]]\nname = "all"\nevents = ["*"]\ntargets = ["phone"]\n'
    path = desk.write("notify.toml", rules)
    desk.set(NOTIFY_FILE=str(path))
    return path


def _bad_notify_file(desk: DoctoredDesk) -> None:
    path = _notify_file(desk)
    path.write_text(path.read_text().replace('["*"]', '["LUCK"]'))


def _open_secret(desk: DoctoredDesk) -> None:
    _notify_file(desk, mode=0o644)


def _missing_secret(desk: DoctoredDesk) -> None:
    _notify_file(desk)
    (desk.folder / "phone.url").unlink()


def _unknown_service(desk: DoctoredDesk) -> None:
    _notify_file(desk, secret="carrierpigeon://loft/7")


def _foreign_owner(desk: DoctoredDesk) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    os.chown(desk.data_dir / "ledger.db", 65_534, 65_534)


def _unknown_symbol(desk: DoctoredDesk) -> None:
    desk.set(TRADING_SYMBOL="EURUSD,NOSUCH", MT5_MARKET="recorded", MT5_TICKS="pyproject.toml:EURUSD")
    desk.set(MT5_PACE="lockstep")


def _other_lock(desk: DoctoredDesk) -> None:
    desk.root = desk.folder / "root"
    (desk.root / "requirements").mkdir(parents=True)
    for name in ("log", "run"):
        (desk.root / "var" / name).mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / CONFIGURATION, desk.root)
    lock = (PROJECT_ROOT / "requirements" / "base.lock").read_text()
    (desk.root / "requirements" / "base.lock").write_text(
        lock.replace("apsw==3", "apsw==4") + "no-such-package==1.0 \\\n"
    )


def _bad_supervisor_configuration(desk: DoctoredDesk) -> None:
    _other_lock(desk)
    shutil.copy(PROJECT_ROOT / "requirements" / "base.lock", desk.root / "requirements")
    (desk.root / CONFIGURATION).write_text("[supervisord]\n[program:mt5]\ncommand=true\nstartsecs=soon\n")


PLANTED: Final[dict[str, tuple[Plant, set[str]]]] = {
    "a page of the ledger is overwritten": (_damaged_ledger, {"LEDGER_UNREADABLE"}),
    "an event was edited": (_edited_event, {"LEDGER_CHAIN"}),
    "the ledger is an older copy": (_older_ledger, {"LEDGER_SIGNATURE"}),
    "the ledger is of an earlier version": (_earlier_version, {"LEDGER_VERSION"}),
    "the journal is truncated": (_truncated_journal, {"DATABASE_DAMAGED"}),
    "the journal is of another version": (_other_journal_version, {"DATABASE_VERSION"}),
    "the book is missing": (_missing_book, {"BOOK_MISSING"}),
    "the book is missing, and another database is damaged": (
        _missing_book_beside_another_fault,
        {"BOOK_MISSING", "DATABASE_DAMAGED"},
    ),
    "the key is missing": (_missing_key, {"KEY_MISSING"}),
    "others can read the key": (_open_key, {"KEY_OPEN"}),
    "the key is damaged": (_damaged_key, {"KEY_UNUSABLE"}),
    "the key is that of another ledger": (_other_key, {"KEY_OF_OTHER_LEDGER"}),
    "a setting is invalid": (_invalid_setting, {"SETTING_INVALID"}),
    "a key of .env is unknown": (_unknown_key, {"SETTING_UNKNOWN"}),
    "a line of .env has no value": (_broken_env, {"SETTINGS_FILE_UNREADABLE"}),
    "a variable resembles a setting": (_misspelled_variable, {"SETTING_MISSPELLED"}),
    "two settings contradict each other": (_contradiction, {"SETTINGS_CONTRADICT"}),
    "the plan is wrong": (_bad_plan, {"PLAN_INVALID"}),
    "the limits are wrong": (_bad_limits, {"LIMITS_INVALID"}),
    "the file of instruments is wrong": (_bad_instruments, {"INSTRUMENTS_INVALID"}),
    "the fill profile is unknown": (_bad_fills, {"FILLS_INVALID"}),
    "the recorded ticks are missing": (_missing_ticks, {"TICKS_MISSING"}),
    "the strategy cannot be imported": (_unknown_strategy, {"STRATEGY_UNUSABLE"}),
    "a parameter is out of range": (_bad_parameter, {"STRATEGY_PARAMETER"}),
    "the plan has a parameter that the strategy lacks": (_bad_parameter_in_the_plan, {"STRATEGY_PARAMETER"}),
    "the import of the strategy ends the process": (_ending_strategy, {"STRATEGY_UNUSABLE"}),
    "a bit of the model is flipped": (_flipped_model, {"MODEL_CHANGED"}),
    "the model has other features": (_other_features, {"MODEL_FEATURES"}),
    "the manifest is missing": (_missing_model, {"MODEL_UNUSABLE"}),
    "the model was trained with another XGBoost": (_other_xgboost, {"MODEL_XGBOOST"}),
    "the data directory is read-only": (_read_only_folder, {"FOLDER_READ_ONLY"}),
    "others can read the users of the page": (_open_users, {"USERS_FILE_OPEN"}),
    "the path of a socket is too long": (_long_path, {"SOCKET_PATH_LONG"}),
    "two settings have one port": (_same_ports, {"PORT_TWICE"}),
    "an address is not of this host": (_foreign_address, {"PORT_UNUSABLE"}),
    "the program of ALERT_COMMAND is missing": (_missing_alert_command, {"ALERT_COMMAND_MISSING"}),
    "the rules for alarms are wrong": (_bad_notify_file, {"NOTIFY_FILE_INVALID"}),
    "others can read the secret of a target": (_open_secret, {"SECRET_OPEN"}),
    "the secret of a target is missing": (_missing_secret, {"SECRET_UNUSABLE"}),
    "no service has the address of a target": (_unknown_service, {"TARGET_UNUSABLE"}),
    "a file belongs to another user": (_foreign_owner, {"FILE_OF_OTHER_USER"}),
    "the simulated venue has no terms of a symbol": (_unknown_symbol, {"SYMBOL_WITHOUT_TERMS"}),
    "packages differ from the lock": (_other_lock, {"PACKAGE_DIFFERS", "PACKAGE_MISSING"}),
    "supervisord.conf is invalid": (_bad_supervisor_configuration, {"SUPERVISOR_CONFIGURATION"}),
}
"""Planted faults of a stopped desk: what is done, and the codes that the doctor must find, and no other."""
