"""A tracker on 127.0.0.1: routes requests to a fake, records them, and fails when it is told to."""

import json
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

TOKEN = "s3cr3t-t0ken-of-the-tracker"


class Asked(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = MappingProxyType({})


class Refuse(NamedTuple):
    """An answer to give instead, once, to the next request that fits; `after` lets it be done first."""

    answer: Answer
    method: str = ""
    part: str = ""
    after: bool = False


class FakeTracker:
    """What all fakes share; a subclass answers `route` and knows who may come in."""

    page = 2

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.refusals: list[Refuse] = []
        self.tickets: list[dict[str, Any]] = []
        self.number = 0
        self.url = ""

    def writes(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method != "GET"]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        for refusal in self.refusals:
            if refusal.method in ("", asked.method) and refusal.part in asked.path:
                self.refusals.remove(refusal)
                if refusal.after:
                    self.route(asked)
                return refusal.answer
        if not self.knows(asked):
            return self.stranger()
        return self.route(asked)

    def knows(self, asked: Asked) -> bool:
        raise NotImplementedError

    def stranger(self) -> Answer:
        raise NotImplementedError

    def route(self, asked: Asked) -> Answer:
        raise NotImplementedError


def serve(fake: FakeTracker, certificate: ssl.SSLContext | None = None) -> ThreadingHTTPServer:
    """Start a server for a fake in a thread; the caller shuts it down."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def _do(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw else None
            headers = {name.lower(): value for name, value in self.headers.items()} | {"raw": raw.decode()}
            answer = fake.answer(Asked(self.command, split.path, dict(parse_qsl(split.query)), headers, body))
            plain = isinstance(answer.body, str)
            data = answer.body.encode() if plain else json.dumps(answer.body).encode()
            data = b"" if answer.status == 204 else data
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/html" if plain else "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = _do

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate:
        server.socket = certificate.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    fake.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
