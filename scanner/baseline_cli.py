"""The flags of `entdrift baseline`; what the verbs do is in `scanner.baseline`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)
_FOLDER = Path("baselines")
_SOURCE = click.option(
    "--from",
    "source",
    type=_PATH,
    default=Path("out"),
    show_default=True,
    help="The folder of a scan, or its report.json.",
)
_BASELINES = click.option(
    "--baselines",
    type=_PATH,
    default=_FOLDER,
    show_default=True,
    help="The folder of baseline files, or one file.",
)
_IDENTITY = click.option("--identity", default="", metavar="NAME", help="Only this identity, by id or name.")
_STAGE = click.option("--stage", default="", metavar="WORD", help="Only identities of this stage.")


@click.group()
def baseline() -> None:
    """Keep the approved access of each workload as reviewable files, and compare with them.

    docs/baselines.md explains the files.

    \b
    Example:  entdrift baseline write --from out --output baselines
    Example:  entdrift baseline check --baselines baselines --from out
    """


@baseline.command()
@_SOURCE
@click.option(
    "--output", "-o", type=_PATH, default=_FOLDER, show_default=True, help="Folder for the baseline files."
)
@_IDENTITY
@_STAGE
@click.option(
    "--granted",
    is_flag=True,
    help="Write what is granted now (default: what was used, and what the logs cannot show).",
)
@click.pass_obj
def write(talk: Any, /, *, source: Path, output: Path, identity: str, stage: str, granted: bool) -> None:
    """Write one TOML file for each AI identity of a scan: what it is approved to hold.

    What people wrote into a file (above the line in it) stays when it is written again.

    \b
    Example:  entdrift baseline write --from out --output baselines
    Example:  entdrift baseline write --from out --identity claims-agent --granted
    """
    from scanner.baseline import run  # noqa: PLC0415 start-up time

    sys.exit(run.write(source, output, identity, stage, talk, granted=granted))


def _compared(verb: Callable[..., None]) -> Callable[..., None]:
    """Add the flags that `check` and `test` take."""
    for option in reversed(
        (
            _BASELINES,
            _SOURCE,
            click.option(
                "--policy",
                type=_PATH,
                metavar="FILE",
                help="A proposed AWS policy, Google Cloud allow policy or role, or Azure role, as JSON.",
            ),
            click.option(
                "--plan", type=_PATH, metavar="FILE", help="A plan as JSON: terraform show -json PLAN."
            ),
            _IDENTITY,
            _STAGE,
            click.option(
                "--scope",
                default="",
                metavar="SCOPE",
                help="Where a proposed policy or role applies, when its text does not say.",
            ),
        )
    ):
        verb = option(verb)
    return verb


@baseline.command()
@_compared
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@click.option(
    "--state",
    metavar="PLACE",
    help="The state with the approvals: a file or an address (default: beside the report).",
)
@click.option(
    "--require-approval", is_flag=True, help="A baseline that is not approved as it is counts as beyond."
)
@click.option("--now", metavar="TIME", help="Pretend that this is the present (RFC 3339).")
@click.pass_obj
def check(talk: Any, /, **flags: Any) -> None:
    """Say exactly what goes beyond the baselines: in a scan, or in a policy or plan that is proposed.

    Exit 0: nothing does. Exit 1: something does, or cannot be decided. With --policy or --plan the evidence
    of --from explains roles and policies that the text only mentions, where it is there.

    \b
    Example:  entdrift baseline check --baselines baselines --from out
    Example:  entdrift baseline check --plan plan.json --format markdown
    Example:  entdrift baseline check --policy policy.json --identity claims-agent
    """
    from scanner.baseline import run  # noqa: PLC0415 start-up time

    sys.exit(run.check(run.Request(**flags), talk))


@baseline.command()
@_compared
@click.option("--itself", is_flag=True, help="Ask the baseline files themselves.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@click.pass_obj
def test(talk: Any, /, **flags: Any) -> None:
    """Ask the `must_allow` and `must_not_allow` requests of the baselines; exit 1 when one fails.

    The evidence of a scan answers, with everything above the grants that it holds; or the proposed policy.

    \b
    Example:  entdrift baseline test --baselines baselines --from out
    Example:  entdrift baseline test --policy policy.json --identity claims-agent
    """
    from scanner.baseline import run  # noqa: PLC0415 start-up time

    sys.exit(run.test(run.Request(**flags), talk))


@baseline.command()
@click.argument("file", type=_PATH)
@click.option("--who", required=True, metavar="NAME", help="Who approves; the signer of --signature.")
@click.option("--why", required=True, metavar="TEXT", help="The reason, or the number of the change.")
@click.option("--until", required=True, metavar="DATE", help="The last day on which it holds.")
@_SOURCE
@click.option(
    "--state", metavar="PLACE", help="The state: a file or an address (default: beside the report of --from)."
)
@click.option(
    "--signature", type=_PATH, metavar="FILE", help="An SSH signature or a sigstore bundle of the file."
)
@click.option("--signers", type=_PATH, metavar="FILE", help="Allowed signers, as for ssh-keygen -Y verify.")
@click.option("--issuer", default="", metavar="URL", help="Issuer of the certificate in a sigstore bundle.")
@click.option("--now", metavar="TIME", help="Pretend that this is the present (RFC 3339).")
@click.pass_obj
def approve(talk: Any, /, **flags: Any) -> None:
    """Record in the chain of approvals that somebody approved a baseline file, exactly as it is.

    The record holds who, why, until when and the SHA-256 of the file; a later change of the file is no longer
    approved. A signature that does not fit is refused.

    \b
    Example:  entdrift baseline approve baselines/aws-bot.toml --who sam --why CHG-4711 --until 2027-06-30
    Example:  ssh-keygen -Y sign -n entdrift-baseline -f ~/.ssh/id_ed25519 baselines/aws-bot.toml
    """
    from scanner.baseline import run  # noqa: PLC0415 start-up time

    sys.exit(run.approve_file(run.ApproveRequest(**flags), talk))


@baseline.command()
@click.argument("file", type=_PATH)
@click.option("--form", type=click.Choice(["cedar", "rego"]), required=True, help="The policy language.")
def export(*, file: Path, form: str) -> None:
    """Print a baseline as a Cedar or Rego policy that gives the same answers.

    What the language cannot say is left out where it would allow; a refusal that it cannot say is an error.

    \b
    Example:  entdrift baseline export baselines/aws-bot.toml --form rego > bot.rego
    """
    from scanner.baseline import run  # noqa: PLC0415 start-up time

    sys.exit(run.export(file, form))
