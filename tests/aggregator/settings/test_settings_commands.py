from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from aggregator import app
from aggregator.settings import aggregator
from aggregator.settings.aggregator import EmbeddedBroker, ExternalBroker, Settings
from common.errors import SettingsError
from common.secret import Secret
from paifang import cli

EXAMPLE = Path(__file__).parents[3] / "configs" / "aggregator.yaml"


def write(folder: Path, text: str) -> Path:
    path = folder / "a.yaml"
    path.write_text(text)
    return path


def test_the_example_loads_and_holds_the_defaults() -> None:
    settings = aggregator.load(EXAMPLE)
    defaults = Settings()
    assert (settings.http, settings.broker, settings.sessions) == (defaults.http, defaults.broker, defaults.sessions)
    assert settings.data == str(EXAMPLE.parent / defaults.data)
    assert settings.sites["village"].timezone == "Asia/Shanghai"


def test_an_empty_file_is_good(tmp_path: Path) -> None:
    assert isinstance(aggregator.load(write(tmp_path, "")).broker, EmbeddedBroker)


def test_paths_count_from_the_file(tmp_path: Path) -> None:
    text = "broker: {kind: external, host: h, username: u, password_file: p, tls: {ca: /ca.pem}}"
    broker = aggregator.load(write(tmp_path, text)).broker
    assert isinstance(broker, ExternalBroker)
    assert broker.password_file == str(tmp_path / "p")
    assert broker.tls is not None
    assert (broker.tls.ca, broker.tls.key) == ("/ca.pem", None)


@pytest.mark.parametrize(
    ("text", "key", "part"),
    [
        ("htpp: {}", "htpp", "did you mean 'http'"),
        ("http: {prot: 1}", "http.prot", "did you mean 'port'"),
        ("http: {port: 70000}", "http.port", "65535"),
        ("broker: {kind: embedded, prt: 1}", "broker.prt", "did you mean 'port'"),
        ("broker: {kind: kafka}", "broker", "kafka"),
        ("broker: {kind: external}", "broker", "host"),
        ("broker: {kind: external, host: h, password_file: p}", "broker", "needs a username"),
        ("broker: {kind: external, host: h, tls: {key: k}}", "broker.tls", "go together"),
        ("sites: {v: {timezone: Asia/Nowhere}}", "sites", "IANA"),
        ("sites: {v: {timezone: ../etc/passwd}}", "sites", "IANA"),
        ("sites: {'a b': {}}", "", "letters"),
        ("sessions: {hours: 0}", "sessions.hours", "0"),
        ("store: oracle", "store", "oracle"),
    ],
)
def test_wrong_settings_name_the_key_and_the_fix(tmp_path: Path, text: str, key: str, part: str) -> None:
    with pytest.raises(SettingsError) as caught:
        aggregator.load(write(tmp_path, text))
    assert caught.value.key.startswith(key)
    assert part in str(caught.value)


def test_check_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["aggregator", "check", str(write(tmp_path, "data: d"))]) == 0
    assert "good" in capsys.readouterr().out
    assert not (tmp_path / "d").exists()
    assert cli.main(["aggregator", "check", str(write(tmp_path, "dta: d"))]) == 2
    assert "a.yaml:1" in capsys.readouterr().err


def test_a_user_is_added_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "data: d")
    words = ["aggregator", "user", "add", "li", "--config", str(path)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert cli.main(words) == 1
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long enough password\n"))
    assert cli.main(words) == 0
    user = app.open_store(aggregator.load(path)).reader().user("li")
    assert user is not None
    assert user.password_hash.startswith("$argon2id$")
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o700
    output = capsys.readouterr()
    assert "a long enough password" not in output.out + output.err


def test_ux_16_the_command_refuses_an_existing_name_and_resets_only_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "data: d")
    words = ["aggregator", "user", "add", "王小明", "--config", str(path)]

    def run(*more: str) -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO("a long enough password\n"))
        return cli.main([*words, *more])

    assert [run("--reset"), run(), run()] == [1, 0, 1]
    assert "this user exists; --reset" in capsys.readouterr().err
    assert run("--reset") == 0


def test_ux_16_the_command_refuses_a_misspelt_scope_before_it_asks_for_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "{data: d, sites: {village: {areas: {yards: [yard]}}}}")

    def run(*roles: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("a long enough password\n"))
        given = [word for role in roles for word in ("--role", role)]
        result = cli.main(["aggregator", "user", "add", "li", *given, "--config", str(path)])
        return result, capsys.readouterr().err

    code, problem = run("auditor", "monitor@vilage")
    assert (code, "there is no site 'vilage'; did you mean 'village'?" in problem) == (1, True)
    code, problem = run("monitor@village/yard")
    assert (code, "there is no area 'yard' at 'village'; did you mean 'yards'?" in problem) == (1, True)
    assert app.users(aggregator.load(path)) == []
    assert run("auditor", "monitor@village/yards") == (0, "")


def test_ux_16_where_no_site_is_known_a_warning_says_that_scopes_were_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long enough password\n"))
    words = ["aggregator", "user", "add", "li", "--role", "monitor@village"]
    assert cli.main([*words, "--config", str(write(tmp_path, "data: d"))]) == 0
    assert "no site is known yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "broker: {kind: external, host: h, username: u, password_file: missing}",
        "broker: {kind: external, host: h, tls: {ca: missing}}",
    ],
)
def test_nothing_starts_half_configured(tmp_path: Path, text: str) -> None:
    settings = aggregator.load(write(tmp_path, text))
    with pytest.raises(SettingsError, match="broker"), app.running(settings):
        pass


def test_a_password_does_not_show() -> None:
    from aggregator.messaging.mqtt_client import BrokerEndpoint

    assert "hunter2" not in repr(BrokerEndpoint("h", 1, "c", "u", Secret("hunter2")))
