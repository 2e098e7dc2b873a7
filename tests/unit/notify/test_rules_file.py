"""The file of targets and rules: every error is one line with file, field, value and expectation."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from common.errors import StartError
from proto.control import Severity
from services.notify.core.quiet_hours import Interval
from services.notify.rules_file import load_notify_file

TARGETS = '[targets.phone]\nurl_file = "phone.url"\n[targets.mail]\nurl_env = "NOTIFY_URL_MAIL"\n'
RULE = '[[rules]]\nname = "all"\nevents = ["*"]\ntargets = ["phone"]\n'


def a_file(folder: Path, text: str) -> Path:
    path = folder / "notify.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_with_everything_is_read(tmp_path: Path) -> None:
    text = (
        'timezone = "Europe/Vienna"\npage_url = "https://desk.example.com"\ndesk = "london"\n'
        + TARGETS
        + '[heartbeat]\nurl_env = "NOTIFY_URL_HEARTBEAT"\nevery_s = 30\n[daily_summary]\nat = "22:05"\n'
        + RULE
        + 'severity = "INFO"\nsymbols = ["EURUSD"]\ntitle = "{code}"\ntext = "{text} {link}"\ngroup_s = 10\n'
        + 'rate_max = 5\nrate_s = 60\nrepeat_s = 30\nquiet = ["22:00-07:00"]\nafter_s = 5\n'
        + 'escalate_after_s = 300\nescalate_to = ["mail"]\nended = false\n'
    )
    found = load_notify_file(a_file(tmp_path, text), ["EURUSD"])
    [rule] = found.rules.rules
    assert (rule.severity, rule.symbols, rule.rate_max, rule.ended) == (Severity.INFO, ["EURUSD"], 5, False)
    assert rule.quiet == [Interval(time(22), time(7))]
    assert rule.after_s == 5, "a pattern may include moments"
    assert found.rules.summary_at == time(22, 5)
    assert found.targets["phone"].file == tmp_path / "phone.url"
    assert found.targets["mail"].variable == "NOTIFY_URL_MAIL"
    assert found.heartbeat is not None
    assert found.heartbeat.every_s == 30


def test_a_short_file_has_the_defaults(tmp_path: Path) -> None:
    found = load_notify_file(a_file(tmp_path, TARGETS + RULE))
    assert found.heartbeat is None
    assert found.rules.desk
    assert found.rules.rules[0].title == "{mode} {desk}: {code} {subject}"


WRONG = {
    "timezone": (
        'timezone = "Vienna"\n' + TARGETS + RULE,
        "timezone is 'Vienna', expected a zone such as Europe/Vienna",
    ),
    "page": ('page_url = "desk"\n' + TARGETS + RULE, "page_url is 'desk', expected an address such as https://"),
    "unknown key": ("colour = 1\n" + TARGETS + RULE, "unknown field colour, which is 1; expected [targets.NAME]"),
    "no targets": (RULE, "targets is missing; expected [targets.NAME]"),
    "empty targets": ("[targets]\n" + RULE, "targets is empty; expected"),
    "name of a target": ('[targets."A B"]\nurl_env = "NOTIFY_URL_X"\n' + RULE, "the name is 'A B', expected 1 to 32"),
    "no source": ("[targets.phone]\n" + RULE, "targets.phone has neither url_file nor url_env, expected one"),
    "two sources": (
        '[targets.phone]\nurl_file = "a"\nurl_env = "NOTIFY_URL_X"\n' + RULE,
        "targets.phone has both url_file and url_env, expected one of the two",
    ),
    "variable": ('[targets.phone]\nurl_env = "PHONE"\n' + RULE, "url_env is 'PHONE', expected a variable whose name"),
    "no rules": (TARGETS, "rules is missing; expected one or more [[rules]]"),
    "no rule": (TARGETS + "[[rules]]\n", "rules[1].name is missing; expected a field of a rule"),
    "same name": (TARGETS + RULE + RULE, "rules[2].name is 'all', expected a name that no other rule has"),
    "unknown field": (TARGETS + RULE + "group = 3\n", "unknown field rules[1].group, which is 3; expected a field"),
    "unknown target": (TARGETS + RULE.replace("phone", "fax"), "rules[1] (all).targets has 'fax', expected names out"),
    "unknown code": (TARGETS + RULE.replace("*", "FEED"), "rules[1] (all).events has 'FEED', expected codes"),
    "pattern of none": (TARGETS + RULE.replace("*", "FEEDS_*"), "events has 'FEEDS_*', expected codes"),
    "cause": (TARGETS + RULE.replace("*", "DRAWDOWN"), "'DRAWDOWN', which is a cause of TRADING_STATE; expected TRAD"),
    "no events": (TARGETS + RULE.replace('["*"]', "[]"), "rules[1].events is [], expected a list of one or more texts"),
    "severity": (TARGETS + RULE + 'severity = "LOUD"\n', "rules[1].severity is 'LOUD', expected 'INFO', 'WARNING' or"),
    "symbol": (TARGETS + RULE + 'symbols = ["GBPUSD"]\n', "(all).symbols has 'GBPUSD', expected symbols out of EURUSD"),
    "after of a moment": (
        TARGETS + RULE.replace("*", "FILL") + "after_s = 5\n",
        "(all).after_s is 5, but FILL has no duration; expected events that last, such as ORDER_IN_DOUBT",
    ),
    "after of moments": (
        TARGETS + RULE.replace("*", "PROCESS_*") + "after_s = 5\n",
        "has no duration; expected events that last, such as ORDER_IN_DOUBT",
    ),
    "negative": (TARGETS + RULE + "group_s = -1\n", "rules[1].group_s is -1, expected whole seconds from 0 to 3600"),
    "rate": (TARGETS + RULE + "rate_max = 0\n", "rules[1].rate_max is 0, expected a whole number from 1 to 1000"),
    "half an escalation": (TARGETS + RULE + "escalate_after_s = 5\n", "escalate_to is [], expected both or neither"),
    "template field": (
        TARGETS + RULE + 'title = "{who}"\n',
        "title is '{who}': no field {who}; expected fields out of",
    ),
    "template access": (TARGETS + RULE + 'text = "{text.x}"\n', "no field {text.x}; expected fields out of {mode}"),
    "template brace": (TARGETS + RULE + 'text = "{"\n', "(all).text is '{': "),
    "quiet": (TARGETS + RULE + 'quiet = ["22-7"]\n', "quiet is '22', expected a local time such as 22:05"),
    "quiet without end": (TARGETS + RULE + 'quiet = ["22:00"]\n', "has '22:00', expected local times such as 22:00-07"),
    "empty quiet": (TARGETS + RULE + 'quiet = ["07:00-07:00"]\n', "'07:00-07:00', expected two different times"),
    "endless quiet": (
        TARGETS + RULE + 'quiet = ["00:00-12:00", "12:00-00:00"]\n',
        "expected a part of the day that is not quiet",
    ),
    "summary time": (
        '[daily_summary]\nat = "25:00"\n' + TARGETS + RULE,
        "daily_summary.at is '25:00', expected a local",
    ),
    "summary for nobody": (
        '[daily_summary]\nat = "22:05"\n' + TARGETS + RULE + 'severity = "WARNING"\n',
        "daily_summary.at is '22:05', and no rule sends the summary",
    ),
    "heartbeat": (
        '[heartbeat]\nurl_env = "NOTIFY_URL_H"\nevery_s = 1\n' + TARGETS + RULE,
        "heartbeat.every_s is 1, expected whole seconds from 5 to 86400",
    ),
    "no TOML": ("targets = \n", "notify.toml: Invalid value"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_one_line(tmp_path: Path, case: str) -> None:
    text, expected = WRONG[case]
    path = a_file(tmp_path, text)
    with pytest.raises(StartError) as caught:
        load_notify_file(path, ["EURUSD"])
    line = str(caught.value)
    assert expected in line
    assert line.startswith(f"NOTIFY_FILE: {path}: ")
    assert "\n" not in line


@pytest.mark.parametrize(
    "text",
    [
        '[targets.phone]\nurl = "tgram://SECRET/1"\n',
        '[targets]\nphone = "tgram://SECRET/1"\n',
        '[targets.phone]\nurl_env = "tgram://SECRET/1"\n',
        '[targets.phone]\nurl_file = "tgram://SECRET/1"\n',
        TARGETS + '[heartbeat]\nurl = "https://hc.example.com/SECRET"\n',
    ],
)
def test_an_address_in_the_file_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartError, match="address, which is secret; expected") as caught:
        load_notify_file(a_file(tmp_path, text + RULE))
    assert "SECRET" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        StartError, match=r"NOTIFY_FILE: value '.*none.toml', expected a TOML file of targets and rules"
    ):
        load_notify_file(tmp_path / "none.toml")
