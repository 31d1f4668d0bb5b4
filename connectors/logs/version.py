"""Tell whether a reader would make the same rows of a log object as when the object was remembered."""

import ast
from functools import lru_cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

from connectors.logs.rows import LogReader, RowKey

_ENGINE = ("connectors.logs.fold", "connectors.logs.decode", "connectors.logs.inflate")


def version_of(reader: LogReader) -> str:
    """Return a name for everything that rows depend on: the reader's code, its tables, the shape of rows.

    Told from the files themselves, because a number kept by hand would be forgotten one day, and rows of an
    older table would then pass for new ones. A reader whose rows depend on another package's data names its
    version (`data_version`).
    """
    module = type(reader).__module__
    data = getattr(reader, "data_version", "")
    return f"{reader.name} {data} {_digest((module, *_ENGINE))} {','.join(RowKey._fields)}"


@lru_cache(maxsize=8)
def _digest(modules: tuple[str, ...]) -> str:
    """Return a digest of modules, of what they import of this package, and of the tables beside them."""
    found = blake2b(digest_size=16)
    for path in sorted(_files(modules)):
        content = path.read_bytes()
        found.update(f"{path.name} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def _files(modules: tuple[str, ...]) -> set[Path]:
    waiting, files = list(modules), set()
    while waiting:
        path = _source(waiting.pop())
        if path is None or path in files:
            continue
        files.add(path)
        if path.parent.name == "catalog":
            files.update(one for one in path.parent.iterdir() if one.is_file())
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return files


def _source(module: str) -> Path | None:
    """Return the file of a module of this package; None for anything else."""
    if not module.startswith("connectors."):
        return None
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:  # a name in a module, no module
        return None
    path = Path(spec.origin) if spec is not None and spec.origin is not None else None
    return path if path is not None and path.suffix == ".py" and path.is_file() else None
