"""The flags of `entdrift tickets`; what the verbs do is in `scanner.tickets`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)
_WAYS = ["identity", "role", "owner"]
_TARGETS = ["jira", "github", "gitlab", "servicenow", "webhook", "csv", "json", "markdown"]


def _shared(verb: Callable[..., None]) -> Callable[..., None]:
    """Add the flags that both verbs take."""
    for option in reversed(
        (
            click.option(
                "--from", "source", type=_PATH, required=True, help="A report.json, or the folder of a scan."
            ),
            click.option(
                "--to", "target", type=click.Choice(_TARGETS), required=True, help="Where the tickets live."
            ),
            click.option(
                "--group-by",
                type=click.Choice(_WAYS),
                help="What one ticket is about: an identity (default), a role of many accounts, an owner.",
            ),
            click.option("--config", "-c", type=_PATH, help="A config file with a [tickets.NAME] table."),
            click.option("--url", metavar="URL", help="Address of the tracker (overrides the config file)."),
            click.option(
                "--project",
                metavar="NAME",
                help="Jira project key, GitHub OWNER/NAME or GitLab path (overrides the config file).",
            ),
        )
    ):
        verb = option(verb)
    return verb


@click.group()
def tickets() -> None:
    """Plan remediation tickets and keep them up to date in a tracker.

    \b
    Example:  entdrift tickets plan --from out/report.json --to csv
    """


@tickets.command()
@_shared
@click.option(
    "--existing", type=_PATH, help="Read the existing tickets from this file instead of the tracker."
)
@click.option("--save-existing", "keep", type=_PATH, help="Write the tickets found to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.pass_obj
def plan(talk: Any, /, **flags: Any) -> None:
    """Print what `tickets apply` would do; writes nothing to the tracker.

    Offline with --existing, for csv, json and markdown, and where no tracker is named: then all is new.

    \b
    Example:  entdrift tickets plan --from out/report.json --to jira --config config.toml
    """
    from scanner.tickets import Request, plan_tickets  # noqa: PLC0415 start-up time

    sys.exit(plan_tickets(Request(**flags), talk))


@tickets.command()
@_shared
@click.option(
    "--output", "-o", type=_PATH, help="File for csv, json and markdown (default: standard output)."
)
@click.pass_obj
def apply(talk: Any, /, **flags: Any) -> None:
    """Create, update, reopen and close tickets as the plan says; the only verb that writes to a tracker.

    A second run over the same report does nothing.

    \b
    Example:  entdrift tickets apply --from out/report.json --to github --project acme/platform
    """
    from scanner.tickets import Request, apply_tickets  # noqa: PLC0415 start-up time

    sys.exit(apply_tickets(Request(**flags), talk))
