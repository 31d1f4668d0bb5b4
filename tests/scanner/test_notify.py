"""After a scan the configured webhook hears a summary, and no message or log ever holds the secret."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from click.testing import CliRunner
from report_sample import finding, sample_report

from scanner.cli import cli
from scanner.config import load
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.notify import message, told
from scanner.notify_config import Notify
from scanner.run import DEMO
from scanner.talk import Talk

SECRET = "s3cr3t-path-and-token"


class Receiver(ThreadingHTTPServer):
    """A webhook on loopback that answers as it is told."""

    def __init__(self):
        self.asked, self.answers = [], []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/{SECRET}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.headers.get("Authorization"), json.loads(body)))
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver(monkeypatch):
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HOOK", server.url)
    monkeypatch.setenv("HOOK_TOKEN", SECRET)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


NOTIFY = Notify(webhook_env="HOOK", token_env="HOOK_TOKEN")


def tell(notify=NOTIFY, code=Exit.OK, report=None):
    waits = []
    return told(notify, report or sample_report(), code, Talk(), waits.append), waits


def test_the_summary_is_posted_with_the_token(receiver):
    assert (Exit.OK, []) == tell()
    ((token, body),) = receiver.asked
    assert f"Bearer {SECRET}" == token
    assert {"schema", "findings", "verdict", "sources", "types", "exit_code"} <= body.keys()


def test_temporary_failures_are_tried_again_as_long_as_the_receiver_asks(receiver):
    receiver.answers = [(503, {}), (429, {"Retry-After": "7"}), (200, {})]
    assert (Exit.OK, [1.0, 7.0]) == tell()
    assert 3 == len(receiver.asked)


@pytest.mark.parametrize(
    "answers", [[(500, {})] * 4, [(403, {})], [(302, {"Location": "http://127.0.0.1:1/"})]]
)
def test_a_receiver_that_refuses_is_said_in_the_exit_code_and_not_by_its_address(receiver, answers, capsys):
    receiver.answers = list(answers)
    assert Exit.EXPORT == tell()[0]
    said = capsys.readouterr().err
    assert "notify: " in said
    assert SECRET not in said
    assert str(receiver.server_port) not in said


def test_nobody_there_is_no_end_of_the_scan(monkeypatch, capsys):
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:9/{SECRET}")
    code, waits = tell(Notify(webhook_env="HOOK"))
    assert (Exit.EXPORT, [1.0, 2.0, 4.0]) == (code, waits)
    assert SECRET not in capsys.readouterr().err


def test_a_worse_exit_code_is_kept(monkeypatch):
    monkeypatch.setenv("HOOK", "http://127.0.0.1:9/x")
    assert Exit.NO_SOURCE == tell(Notify(webhook_env="HOOK"), Exit.NO_SOURCE)[0]


def test_not_ok_is_silent_about_good_scans(receiver):
    tell(Notify(webhook_env="HOOK", when="not-ok"))
    assert [] == receiver.asked
    tell(Notify(webhook_env="HOOK", when="not-ok"), Exit.FINDINGS)
    assert 1 == len(receiver.asked)


@pytest.mark.parametrize(
    "value", ["", "http://example.com/x", "ftp://example.com", "https://u:p@example.com/"]
)
def test_an_address_that_would_leak_is_refused_without_being_shown(monkeypatch, capsys, value):
    monkeypatch.setenv("HOOK", value)
    assert Exit.EXPORT == tell(Notify(webhook_env="HOOK"))[0]
    said = capsys.readouterr().err
    assert not value or value not in said


HOSTILE = "<!channel> <http://evil|x> \x1b]8;;http://x\x07 @here"


def test_names_from_the_cloud_are_no_markup_in_chats():
    report = sample_report()
    named = msgspec.structs.replace(report.identities[0], name=HOSTILE)
    row = finding(identity=named.id, account=named.account, severity="critical")
    hostile = msgspec.structs.replace(report, identities=[named], findings=[row])
    assert "<" not in message(hostile, Exit.OK, "slack")["text"]
    assert "<!channel>" not in message(hostile, Exit.OK, "teams")["text"]
    assert "\x1b" not in message(hostile, Exit.OK, "slack")["text"]


def test_the_textfile_is_whole_and_readable_by_the_exporter(tmp_path):
    path = tmp_path / "metrics" / "entdrift.prom"
    assert Exit.OK == tell(Notify(textfile=path))[0]
    assert 0o644 == path.stat().st_mode & 0o777
    assert "entdrift_findings" in path.read_text()
    assert [path] == list(path.parent.iterdir())


def test_a_textfile_that_cannot_be_written_is_said(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert Exit.EXPORT == tell(Notify(textfile=tmp_path / "file" / "x.prom"))[0]
    assert "notify: " in capsys.readouterr().err


SOURCE = "[[source]]\nname = 'a'\nprovider = 'aws'\nauthorization_details = 'x.json'\n"


@pytest.mark.parametrize(
    ("line", "message_"),
    [
        ("webhook_env = 'https://hooks.example.com/secret'", "name of an environment variable"),
        ("webhook = 'http://example.com'", "https://"),
        ("form = 'email'", "must be one of"),
        ("webhook = 'https://a.example'\nwebhook_env = 'A'", "not both"),
        ("url = 'https://a.example'", "unknown key"),
    ],
)
def test_a_wrong_key_is_an_error(tmp_path, line, message_):
    path = tmp_path / "config.toml"
    path.write_text(f"[notify]\n{line}\n{SOURCE}")
    with pytest.raises(ConfigError, match=message_):
        load(path)


def test_a_scan_tells_the_webhook_of_its_config(receiver, tmp_path):
    text = (DEMO / "config.toml").read_text()
    config = tmp_path / "config.toml"
    config.write_text(text + '\n[notify]\nwebhook_env = "HOOK"\nform = "slack"\n')
    evidence = tmp_path / "out"
    CliRunner().invoke(cli, ["--quiet", "demo", "--output", str(evidence)])
    arguments = [
        "--quiet",
        "scan",
        "--config",
        str(config),
        "--bundle",
        str(evidence / "evidence"),
        "--output",
        str(tmp_path / "o"),
    ]
    assert 0 == CliRunner().invoke(cli, arguments).exit_code
    assert "AI identities" in receiver.asked[0][1]["text"]
