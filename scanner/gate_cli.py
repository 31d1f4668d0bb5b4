"""The flags of `entdrift gate`; what it does is in `scanner.gate`."""

import sys
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--stage", required=True, metavar="WORD", help="The stage of the sources to decide about.")
@click.option(
    "--from",
    "source",
    type=_PATH,
    default=Path("out"),
    show_default=True,
    help="A report.json, or the folder it is in.",
)
@click.option(
    "--config",
    "-c",
    type=_PATH,
    help="The config file with [gate.STAGE] (default: config.toml where there is one; else built-in values).",
)
@click.option(
    "--output", "-o", type=_PATH, metavar="DIR", help="Write gate.json, gate.xml (JUnit) and review.md here."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown", "junit"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@click.option("--baselines", type=_PATH, help="Folder of baseline files (default: [baseline] path).")
@click.option(
    "--state",
    metavar="PLACE",
    help="The state with the approvals: a file or an address (default: beside the report).",
)
@click.option("--now", metavar="TIME", help="Pretend that this is the present (RFC 3339); waivers end by it.")
@click.pass_obj
def gate(talk: Any, /, **flags: Any) -> None:
    """Decide whether the AI workloads of a stage may be promoted, with the reasons, by a written policy.

    Exit 0: every workload passes. Exit 1: refused, also when there is nothing to decide about or evidence
    could not be read. docs/gate.md explains each condition.

    \b
    Example:  entdrift gate --stage production --from out
    Example:  entdrift gate --stage production --from out --config config.toml --output review
    """
    from scanner.gate.run import Request  # noqa: PLC0415 start-up time
    from scanner.gate.run import gate as decide  # noqa: PLC0415 as above

    sys.exit(decide(Request(**flags), talk))
