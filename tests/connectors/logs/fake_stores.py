"""Cloud Storage and Blob Storage on 127.0.0.1, as far as their SDKs list and fetch objects."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class Shelf:
    """The objects of one bucket or container, and the requests that came."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.versions: dict[str, int] = {}
        self.requests: list[str] = []
        self.refused: dict[str, tuple[int, str]] = {}
        """By object or `list`: status and error code."""
        self.address = ""

    def put(self, name: str, content: bytes) -> None:
        self.objects[name] = content
        self.versions[name] = self.versions.get(name, 0) + 1


class _Handler(BaseHTTPRequestHandler):
    shelf: Shelf
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.shelf.requests.append(f"{self.command} {self.path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(unquote(url.path), query)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

    def answer(self, path: str, query: dict[str, str]) -> None:
        raise NotImplementedError


class _Gcs(_Handler):
    def answer(self, path: str, query: dict[str, str]) -> None:
        shelf = self.shelf
        if path.endswith("/o"):
            if "list" in shelf.refused:
                return self.refuse(*shelf.refused["list"])
            return self.send(200, json.dumps(self.listing(query)).encode(), "application/json")
        return self.one(path.split("/o/", 1)[1], query)

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.shelf.requests.append(f"{self.command} {self.path}")
        self.upload({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})

    def one(self, name: str, query: dict[str, str]) -> None:
        shelf = self.shelf
        if name in shelf.refused:
            return self.refuse(*shelf.refused[name])
        if name not in shelf.objects:
            return self.refuse(404, f"No such object: {name}")
        version = str(shelf.versions[name])
        if query.get("ifGenerationMatch", version) != version:
            return self.refuse(412, "conditionNotMet")
        if query.get("alt") != "media":
            return self.described(name)
        return self.send(200, shelf.objects[name], "application/octet-stream")

    def described(self, name: str) -> None:
        found = {"name": name, "generation": str(self.shelf.versions[name])}
        self.send(200, json.dumps(found).encode(), "application/json")

    def upload(self, query: dict[str, str]) -> None:
        boundary = self.headers["Content-Type"].partition("boundary=")[2].strip("\"'").encode()
        about, content = (
            part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            for part in self.body.split(b"--" + boundary)[1:3]
        )
        name = json.loads(about)["name"]
        if name in self.shelf.refused:
            return self.refuse(*self.shelf.refused[name])
        if query["ifGenerationMatch"] != str(self.shelf.versions.get(name, 0)):
            return self.refuse(412, "conditionNotMet")
        self.shelf.put(name, content)
        return self.described(name)

    def refuse(self, status: int, message: str) -> None:
        error = {"error": {"code": status, "message": message, "errors": [{"reason": "x"}]}}
        self.send(status, json.dumps(error).encode(), "application/json")

    def listing(self, query: dict[str, str]) -> dict[str, object]:
        prefix, slash = query.get("prefix", ""), query.get("delimiter", "")
        start, end = query.get("startOffset", ""), query.get("endOffset", "\uffff")
        items, prefixes = [], set()
        for name in sorted(self.shelf.objects):
            if not name.startswith(prefix) or not start <= name < end:
                continue
            rest = name[len(prefix) :]
            if slash and slash in rest:
                prefixes.add(prefix + rest.partition(slash)[0] + slash)
            else:
                size, version = len(self.shelf.objects[name]), self.shelf.versions[name]
                items.append({"name": name, "size": str(size), "generation": str(version)})
        first = int(query.get("pageToken", 0))
        page: dict[str, object] = {"items": items[first : first + 2], "prefixes": sorted(prefixes)}
        if first + 2 < len(items):
            page["nextPageToken"] = str(first + 2)
        return page


class _Blob(_Handler):
    def answer(self, path: str, query: dict[str, str]) -> None:
        shelf = self.shelf
        if query.get("comp") == "list":
            if "list" in shelf.refused:
                return self.refuse(*shelf.refused["list"])
            return self.send(200, self.listing(query).encode(), "application/xml")
        name = path.split("/", 3)[3]
        if name in shelf.refused:
            return self.refuse(*shelf.refused[name])
        if self.command == "PUT":
            return self.upload(name)
        if name not in shelf.objects:
            return self.refuse(404, "BlobNotFound")
        body = shelf.objects[name]
        headers = {"ETag": f'"{shelf.versions[name]}"', "x-ms-blob-type": "BlockBlob"}
        headers["Content-Range"] = f"bytes 0-{len(body) - 1}/{len(body)}"
        return self.send(206, body, "application/octet-stream", **headers)

    def upload(self, name: str) -> None:
        held = f'"{self.shelf.versions[name]}"' if name in self.shelf.objects else None
        if self.headers.get("If-None-Match") == "*" and held:
            return self.refuse(409, "BlobAlreadyExists")
        if self.headers.get("If-Match", held) != held:
            return self.refuse(412, "ConditionNotMet")
        self.shelf.put(name, self.body)
        return self.send(201, b"", "text/plain", ETag=f'"{self.shelf.versions[name]}"')

    def refuse(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no sig=planted</Message></Error>"
        self.send(status, body.encode(), "application/xml", x_ms_error_code=code)

    def listing(self, query: dict[str, str]) -> str:
        names = [name for name in sorted(self.shelf.objects) if name.startswith(query.get("prefix", ""))]
        first = int(query.get("marker", 0))
        blobs = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties><Etag>{self.shelf.versions[name]}</Etag>"
            f"<Content-Length>{len(self.shelf.objects[name])}</Content-Length>"
            f"<BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name in names[first : first + 2]
        )
        more = str(first + 2) if first + 2 < len(names) else ""
        return (
            f"<?xml version='1.0' encoding='utf-8'?><EnumerationResults><Blobs>{blobs}</Blobs>"
            f"<NextMarker>{more}</NextMarker></EnumerationResults>"
        )


@contextmanager
def _running(handler: type[_Handler]) -> Iterator[Shelf]:
    shelf = Shelf()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"shelf": shelf}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    shelf.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield shelf
    finally:
        server.shutdown()
        server.server_close()


def cloud_storage() -> "contextmanager[Shelf]":
    """Serve the JSON API of Cloud Storage."""
    return _running(_Gcs)


def blob_storage() -> "contextmanager[Shelf]":
    """Serve the REST API of Blob Storage."""
    return _running(_Blob)
