"""Every reader meets everything that a log folder should not hold: named, in little memory, and nothing else is lost."""

import json
import subprocess
import sys

import pytest

from tests.connectors.logs.hostile_zoo import CLOUDS, fill

MOST_MB = 400
"""A line of 200 MB that is read as one text, in pieces, beside everything else."""
MOST_SECONDS = 30
FATES = {
    "whole.json": ("ok", 5, ""),
    "truncated.json.gz": ("partial", None, "the gzip data is cut off"),
    "flipped.json.gz": ("partial", None, "the gzip data is corrupt"),
    "bad-checksum.json.gz": ("partial", 5, "the gzip data is corrupt"),
    "bomb.json.gz": ("failed", 0, "grows more than 300 times"),
    "bomb-in-gzip.json.gz": ("failed", 0, "grows more than 300 times"),
    "bomb-in-members.json.gz": ("failed", 0, "grows more than 300 times"),
    "long.json.gz": ("ok", 401, ""),
    "deep.json": ("partial", 2, "nested too deeply"),
    "open-brackets.json": ("failed", 0, "ends before its list of records does"),
    "open-objects.json": ("failed", 0, "nested too deeply"),
    "bad-utf8.json": ("partial", 3, "bytes that are not UTF-8 were replaced"),
    "lines-crlf.json": ("ok", 3, ""),
    "lines-cr.json": ("ok", 3, ""),
    "lines-u2028.json": ("ok", 3, ""),
    "lines-nul.json": ("ok", 3, ""),
    "lines-mixed.json": ("ok", 4, ""),
    "bom.json": ("ok", 3, ""),
    "utf16.json": ("ok", 3, ""),
    "nothing-but-nul.json": ("failed", 0, "nothing but zero bytes"),
    "empty.json": ("failed", 0, "is empty, but is named as a log"),
    "parquet.json.gz": ("failed", 0, "is Parquet, not JSON"),
    "zip.json": ("failed", 0, "is a zip archive, not JSON"),
    "tar.json": ("failed", 0, "is a tar archive, not JSON"),
    "tar.json.gz": ("failed", 0, "is a tar archive, not JSON"),
    "new\nline\x1b[31m\u202e.json": ("ok", 2, ""),
    "caf\ufffd\ufffd.json": ("ok", 2, ""),
    "grows.json": ("partial", 3, "changed while it was read"),
    "shrinks.json": ("partial", 3, "changed while it was read"),
    "vanishes.json": ("failed", 0, "cannot be read (No such file or directory)"),
    "refused.json": ("failed", 0, "cannot be read (Permission denied)"),
    "directory.json.gz/inside.json": ("ok", 2, ""),
    "shut": ("failed", 0, "the folder cannot be listed (Permission denied)"),
    "loop": ("skipped", 0, "link to a folder, not followed"),
    "ring-a.json": ("failed", 0, "Too many levels of symbolic links"),
    "ring-b.json": ("failed", 0, "Too many levels of symbolic links"),
    "device.json": ("failed", 0, "is no regular file"),
    "pipe.json": ("failed", 0, "is no regular file"),
    "socket.json": ("failed", 0, "is no regular file"),
}
"""What becomes of each file: status, events (None where the compressor decides), and a part of the reason."""


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_file_is_named_and_nothing_else_is_lost(cloud, tmp_path):
    fill(cloud, tmp_path)
    # In a process of its own, whose memory is its own, too.
    call = [sys.executable, "-m", "tests.connectors.logs.hostile_zoo", cloud, str(tmp_path)]
    zoo = json.loads(subprocess.run(call, capture_output=True, text=True, check=True, timeout=300).stdout)
    files = zoo["files"]
    assert sorted(FATES) == sorted(files)
    found = {
        name: (status, records if FATES[name][1] is not None else None, FATES[name][2] in reason)
        for name, (status, reason, records, _) in files.items()
    }
    assert {name: (status, records, True) for name, (status, records, _) in FATES.items()} == found
    # Where calls may be missing nothing counts as unused.
    whole = {name for name, (_, _, _, lost) in files.items() if not lost}
    assert {name for name, (status, _, _) in FATES.items() if status in ("ok", "skipped")} == whole
    # The long line repeats two records; everything else has ids of its own.
    assert sum(records for _, _, records, _ in files.values()) - 401 + 2 == zoo["counted"]
    assert 100 < files["flipped.json.gz"][2] <= 400
    assert 200 < files["truncated.json.gz"][2] < 400
    assert zoo["mb"] < MOST_MB
    assert zoo["seconds"] < MOST_SECONDS
