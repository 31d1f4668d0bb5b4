"""Name baseline files, and keep what people wrote when a file is written again."""

import hashlib
import re
from pathlib import Path

from connectors.errors import EntdriftError
from scanner.baseline.model import Subject
from scanner.baseline.render import MARK

_LONGEST = 60


def file_name(subject: Subject) -> str:
    """Return a safe file name that no other identity has: a readable part and eight digits of a hash.

    Identity names are untrusted: only letters, digits, dots, hyphens and underscores stay.
    """
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", subject.name or subject.id).strip(".-")[:_LONGEST].strip(".-")
    key = f"{subject.provider}\x1f{subject.account}\x1f{subject.id}"
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{subject.provider}-{readable or 'identity'}-{digest}.toml"


def hand_written(path: Path) -> str | None:
    """Return what stands above the line in a file; None when there is no file.

    Raises EntdriftError when the line is missing: then nobody can tell what may be replaced.
    """
    try:
        # Line ends of other systems are kept out, so that the line is found and diffs stay small.
        found = path.read_text("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    above, mark, _ = found.partition(MARK)
    if not mark:
        raise EntdriftError(
            f"{path}: left alone, the line {MARK!r} is missing",
            hint="put the line back above the part that may be replaced, or move the file away",
        )
    return above
