"""Folders of everything that a log folder should not hold, and a process of its own that reads one.

python -m tests.connectors.logs.hostile_zoo CLOUD FOLDER    prints the fate of each file, time and memory
"""

import gzip
import io
import json
import os
import resource
import socket
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from connectors.aws.usage.events import CloudTrailReader
from connectors.azure.usage.events import AzureLogs
from connectors.facts import Window
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs import fold, inflate
from connectors.logs.engine import read_logs
from connectors.logs.rows import LogReader
from connectors.logs.seen import SeenEvents

EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
LONG_BYTES = 200 << 20
"""How long the single line of `long.json.gz` is."""
_PIECES = 200
BOMB_BYTES = 8 << 20
"""The limit past which growth is looked at, an eighth of the real one to save time."""


def aws(number: int) -> dict[str, Any]:
    return {
        "eventTime": "2026-03-01T10:00:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "eu-west-1",
        "eventID": str(UUID(int=number + 1)),
        "recipientAccountId": "123456789012",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/anna"},
    }


def gcp(number: int) -> dict[str, Any]:
    return {
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Fdata_access",
        "timestamp": "2026-03-01T10:00:00.5Z",
        "insertId": f"id{number}",
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "storage.googleapis.com",
            "methodName": "storage.objects.get",
            "authenticationInfo": {"principalEmail": "anna@example.com"},
            "authorizationInfo": [{"permission": "storage.objects.get", "granted": True}],
        },
    }


def azure(number: int) -> dict[str, Any]:
    return {
        "time": "2026-03-01T10:00:00.1234567Z",
        "operationName": "Microsoft.Compute/virtualMachines/start/action",
        "category": "Administrative",
        "resourceId": "/subscriptions/6d8fdbb8-5d27-4c25-a4f9-000000000001/resourceGroups/g",
        "correlationId": str(UUID(int=number + 1)),
        "identity": {"claims": {"oid": "6d8fdbb8-5d27-4c25-a4f9-000000000002"}},
    }


CLOUDS: dict[str, tuple[Callable[[int], dict[str, Any]], str, Callable[[], LogReader]]] = {
    "aws": (aws, "Records", CloudTrailReader),
    "gcp": (gcp, "entries", AuditLogReader),
    "azure": (azure, "records", AzureLogs),
}


def fill(cloud: str, folder: Path) -> None:
    """Put one file or folder of each kind into a folder, and `whole.json` beside them."""
    record, key, _ = CLOUDS[cloud]
    numbers = iter(range(1_000_000))

    def lines(count: int) -> list[bytes]:
        return [json.dumps(record(next(numbers))).encode() for _ in range(count)]

    def document(count: int) -> bytes:
        return f'{{"{key}":['.encode() + b",".join(lines(count)) + b"]}"

    def put(name: str | bytes, data: bytes) -> None:
        with open(os.path.join(os.fsencode(folder), os.fsencode(name)), "wb") as stream:  # noqa: PTH118, PTH123
            stream.write(data)

    put("whole.json", document(5))
    packed = gzip.compress(document(400), mtime=0)
    put("truncated.json.gz", packed[: len(packed) * 2 // 3])
    packed = gzip.compress(document(400), mtime=0)
    put("flipped.json.gz", _flipped(packed, len(packed) // 2))
    put("bad-checksum.json.gz", _flipped(gzip.compress(document(5), mtime=0), -8))
    zeros = gzip.compress(b" " * (2 * BOMB_BYTES), 9, mtime=0)
    put("bomb.json.gz", zeros)
    put("bomb-in-gzip.json.gz", gzip.compress(zeros, mtime=0))
    put("bomb-in-members.json.gz", gzip.compress(b" " * (1 << 20), mtime=0) * 20)
    put("long.json.gz", _long(f'{{"{key}":[', lines(2), LONG_BYTES))
    deep = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    put("deep.json", f'{{"{key}":['.encode() + b",".join([*lines(1), deep, *lines(1)]) + b"]}")
    put("open-brackets.json", b"[" * 500_000)
    put("open-objects.json", b'{"a":' * 100_000)
    put(
        "bad-utf8.json",
        document(3).replace(b'"2026', b'"x\xff\xfe":0,"y":"', 0).replace(b"anna", b"an\xffna"),
    )
    if cloud == "azure":
        put("bad-utf8.json", document(3).replace(b'/g"', b'/\xff"'))
    for name, end in {"crlf": b"\r\n", "cr": b"\r", "u2028": "\u2028".encode(), "nul": b"\0\n"}.items():
        put(f"lines-{name}.json", end.join(lines(3)) + end)
    put("lines-mixed.json", b"\n".join(lines(2)) + b"\r\n\r" + b"\r".join(lines(2)))
    put("bom.json", b"\xef\xbb\xbf" + document(3))
    put("utf16.json", document(3).decode().encode("utf-16"))
    put("nothing-but-nul.json", bytes(100_000))
    put("empty.json", b"")
    put("parquet.json.gz", b"PAR1" + bytes(100) + b"PAR1")
    put("zip.json", _zip(document(3)))
    put("tar.json", _tar(document(3)))
    put("tar.json.gz", gzip.compress(_tar(document(3)), mtime=0))
    put("new\nline\x1b[31m\u202e.json", document(2))
    put(b"caf\xe9\xff.json", document(2))
    put("grows.json", document(3))
    put("shrinks.json", document(3))
    put("vanishes.json", document(3))
    put("refused.json", document(3))
    (folder / "directory.json.gz").mkdir()
    (folder / "directory.json.gz" / "inside.json").write_bytes(document(2))
    (folder / "shut").mkdir()
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "ring-a.json").symlink_to(folder / "ring-b.json")
    (folder / "ring-b.json").symlink_to(folder / "ring-a.json")
    (folder / "device.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.json")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket may have some hundred bytes at most
        server.bind("socket.json")
        os.chdir(here)


def _flipped(data: bytes, at: int) -> bytes:
    found = bytearray(data)
    found[at] ^= 0x10
    return bytes(found)


def _long(head: str, records: list[bytes], size: int) -> bytes:
    """Return one line of so many bytes as gzip members: pieces of records that hold a long text beside their own."""
    padding = b"".join(b"%08x" % (number * 2_654_435_761 % 2**32) for number in range(size // _PIECES // 16))
    long = [one[:-1] + b',"unread":"' + padding + b'"}' for one in records]
    piece = gzip.compress(b",".join(long) + b",", 1, mtime=0)
    start = gzip.compress(head.encode(), mtime=0)
    end = gzip.compress(records[0] + b"]}", mtime=0)
    return start + piece * _PIECES + end


def _zip(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("log.json", data)
    return target.getvalue()


def _tar(data: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo("log.json")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def _spoil() -> None:
    """Make some files change while they are read, and refuse what root could read."""
    events, file, scandir = fold.Folder._events, fold.Folder._file, os.scandir
    reading = [""]

    def change(self: Any, *arguments: Any) -> None:
        events(self, *arguments)
        if reading[0].endswith("grows.json"):
            with Path(reading[0]).open("ab") as stream:
                stream.write(b" ")
        if reading[0].endswith("shrinks.json"):
            os.truncate(reading[0], 1)

    def vanish(self: Any, one: Any, batch: Any) -> Any:
        reading[0] = one.path
        if one.path.endswith("vanishes.json"):
            Path(one.path).unlink()
        return file(self, one, batch)

    def refuse(path: str) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def shut(path: str, *arguments: Any, **named: Any) -> Any:
        if str(path).endswith("refused.json"):
            raise PermissionError(13, "Permission denied")
        return open(path, *arguments, **named)  # noqa: PTH123

    fold.Folder._events, fold.Folder._file, os.scandir = change, vanish, refuse  # type: ignore[method-assign, assignment]
    inflate.BOMB_BYTES = BOMB_BYTES
    fold.open = shut  # type: ignore[attr-defined]


def _peak_mb() -> float:
    """Return the most memory that this process had; what `getrusage` says includes the parent's, if forked."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    cloud, folder = sys.argv[1:]
    reader = CLOUDS[cloud][2]()
    _spoil()
    began = time.process_time()
    logs = read_logs([Path(folder)], reader, EVER, seen=SeenEvents(), workers=1)
    found = {
        "files": {
            file.path.removeprefix(f"{folder}/"): [file.status, file.reason, file.records, file.lost]
            for file in logs.files
        },
        "counted": sum(row.count for row in logs.rows),
        "seconds": time.process_time() - began,
        "mb": _peak_mb(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
