"""Write the commented example config for the clouds a user names."""

from pathlib import Path

from connectors.registry import PROVIDERS
from scanner.errors import ConfigError
from scanner.write import write_whole

EXAMPLE = Path(__file__).parent / "config.example.toml"


def write_example(path: Path, clouds: tuple[str, ...]) -> None:
    """Write the example with the sources of these clouds (all when none is named); never overwrite.

    Raises ConfigError when the file is already there.
    """
    if path.exists():
        raise ConfigError(f"{path}: exists already", hint="choose another --output")
    write_whole(path, example(clouds or PROVIDERS).encode())


def example(clouds: tuple[str, ...]) -> str:
    """Return the example config; sections of a cloud start with a line `# --- cloud ---`."""
    head, *sections = EXAMPLE.read_text("utf-8").split("\n# --- ")
    kept = [section for section in sections if section.partition(" ---")[0] in clouds]
    return head + "".join(f"\n# --- {section}" for section in kept)
