"""A small Resource Manager and Microsoft Graph on this machine: real HTTP, pages, refusals, throttling."""

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKENS = ("$skiptoken", "%24skiptoken", "$skipToken")


class Fake:
    """Answers what it was told to; everything else is 404. Lists are cut into pages of two."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[str, str]] = []
        """(method, path) of everything that arrived."""
        self.versions: dict[str, str] = {}
        """The api-version each path was asked with."""
        self.bodies: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.lists: dict[str, list[Any]] = {}
        self.errors: dict[str, tuple[int, str, dict[str, str]]] = {}
        self.once: dict[str, list[tuple[int, str, dict[str, str]]]] = {}
        self.special: dict[str, Callable[[dict[str, list[str]], Any], Any]] = {}
        self.page = 2
        self.next_host = ""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # headers and body in one packet: no waiting for its acknowledgement
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                fake.serve(self, None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                form = body and not body.startswith(b"{")
                fake.serve(self, parse_qs(body.decode()) if form else json.loads(body or b"{}"))

            do_PUT = do_DELETE = do_PATCH = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.tls = tls is not None
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def give(self, path: str, records: list[Any]) -> None:
        """Answer a list."""
        self.lists[path.lower()] = records

    def refuse(self, path: str, status: int, code: str = "", **headers: str) -> None:
        """Answer a path with an error, always."""
        self.errors[path.lower()] = (status, code, headers)

    def refuse_once(self, path: str, status: int, code: str = "", **headers: str) -> None:
        """Answer a path with an error the next time."""
        self.once.setdefault(path.lower(), []).append((status, code, headers))

    def answer(self, path: str, give: Callable[[dict[str, list[str]], Any], Any]) -> None:
        """Answer a path with a function of its query and body."""
        self.special[path.lower()] = give

    def give_events(self, path: str, events: list[Any]) -> None:
        """Answer an Activity Log: the events of the slice that the filter names."""

        def within(query: dict[str, list[str]], _: Any) -> Any:
            words = query["$filter"][0].split("'")
            return {"value": [one for one in events if words[1] <= one["eventTimestamp"] <= words[3]]}

        self.answer(path, within)

    def serve(self, handler: BaseHTTPRequestHandler, body: Any) -> None:
        parts = urlsplit(handler.path)
        path, query = parts.path.lower(), parse_qs(parts.query)
        self.requests.append((handler.command, parts.path))
        self.versions[parts.path] = (query.get("api-version") or [""])[0]
        self.tokens.add(handler.headers.get("Authorization", ""))
        if body is not None:
            self.bodies.append(body)
        status, headers, answer = self._answer(path, parts.path, query, body)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        handler.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **headers,
        }.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    def _answer(self, path: str, written: str, query: Any, body: Any) -> tuple[int, dict[str, str], Any]:
        waiting = self.once.get(path)
        failing = waiting.pop(0) if waiting else self.errors.get(path)
        if failing:
            status, code, headers = failing
            return status, headers, {"error": {"code": code, "message": f"{code} for {path}"}}
        if path in self.special:
            return 200, {}, self.special[path](query, body)
        if path not in self.lists:
            return 404, {}, {"error": {"code": "NotFound", "message": "no such thing"}}
        at = int(next((query[name][0] for name in TOKENS if name in query), "0"))
        records = self.lists[path]
        page: dict[str, Any] = {"value": records[at : at + self.page]}
        if at + self.page < len(records):
            version = f"api-version={query['api-version'][0]}&" if "api-version" in query else ""
            link = f"{self.next_host or self.url}{written}?{version}$skiptoken={at + self.page}"
            page["@odata.nextLink" if written.startswith(("/v1.0", "/beta")) else "nextLink"] = link
        return 200, {}, page
