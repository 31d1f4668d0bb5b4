"""The flags of `entdrift history`, `waive` and `diff`."""

import sys
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)
_FROM = click.option(
    "--from",
    "source",
    type=_PATH,
    default=Path("out"),
    show_default=True,
    help="A report.json, or the folder it is in; the state file is beside it.",
)
_CONFIG = click.option(
    "--config",
    "-c",
    type=_PATH,
    help="The config file with [history] (default: config.toml where there is one).",
)
_STATE = click.option(
    "--state",
    metavar="PLACE",
    help="The state file, or its address (default: beside the report, or as configured).",
)
_FORM = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print.",
)
_NOW = click.option("--now", metavar="TIME", help="Pretend that this is the present (RFC 3339).")


@click.group(invoke_without_command=True)
@_FROM
@_CONFIG
@_STATE
@_FORM
@click.pass_context
def history(ctx: click.Context, *, source: Path, config: Path | None, state: str | None, form: str) -> None:
    """List the scans that are remembered; or show, verify, back up or restore.

    \b
    Example:  entdrift history --from out
    Example:  entdrift history --from out show 38919ff2cb90
    Example:  entdrift history backup state-2026-11.sqlite
    """
    from scanner.history.session import local  # noqa: PLC0415 start-up time
    from scanner.history.waive import state_of  # noqa: PLC0415 as above

    writes = ctx.invoked_subcommand == "restore"
    where = state_of(source, config, state)
    ctx.meta["entdrift.state"] = ctx.with_resource(local(where, write=writes))
    ctx.meta["entdrift.source"] = source
    ctx.meta["entdrift.form"] = form
    if ctx.invoked_subcommand is None:
        from scanner.history import verbs  # noqa: PLC0415 as above

        sys.exit(verbs.listed(ctx.meta["entdrift.state"], form))


@history.command()
@click.argument("scan")
@click.pass_context
def show(ctx: click.Context, *, scan: str) -> None:
    """Print one scan: its sources, and which identities and findings changed with it.

    \b
    Example:  entdrift history --from out show 38919ff2cb90
    """
    from scanner.history import verbs  # noqa: PLC0415 start-up time

    sys.exit(verbs.shown(ctx.meta["entdrift.state"], scan, ctx.meta["entdrift.form"]))


@history.command()
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Check the file and the chain of approvals, and that it holds the head which the report printed.

    Exit 1: the chain was changed or cut off.

    \b
    Example:  entdrift history --from out verify
    """
    from scanner.history import verbs  # noqa: PLC0415 start-up time

    sys.exit(verbs.verified(ctx.meta["entdrift.state"], ctx.meta["entdrift.source"]))


@history.command()
@click.argument("file", type=_PATH)
@click.pass_context
def backup(ctx: click.Context, *, file: Path) -> None:
    """Write a whole copy of the state file; a scan may run meanwhile.

    \b
    Example:  entdrift history --from out backup state-backup.sqlite
    """
    from scanner.history import verbs  # noqa: PLC0415 start-up time

    sys.exit(verbs.backed_up(ctx.meta["entdrift.state"], file, ctx.obj))


@history.command()
@click.argument("file", type=_PATH)
@click.pass_context
def restore(ctx: click.Context, *, file: Path) -> None:
    """Put a backup in the place of the state file; what stood there is kept beside it.

    \b
    Example:  entdrift history --from out restore state-backup.sqlite
    """
    from scanner.history import verbs  # noqa: PLC0415 start-up time

    sys.exit(verbs.restored(ctx.meta["entdrift.state"], file, ctx.obj))


@click.command()
@click.argument("fingerprint", default="")
@click.option("--reason", default="", metavar="TEXT", help="Why it is accepted.")
@click.option("--owner", default="", metavar="NAME", help="Who answers for it.")
@click.option("--until", default="", metavar="DATE", help="The last day on which it is accepted.")
@click.option("--rule", default="", metavar="GLOB", help="Waive all findings of a type, by pattern.")
@click.option("--identity", default="*", metavar="GLOB", help="Of identities with this id or name.")
@click.option("--account", default="*", metavar="GLOB", help="Of these accounts.")
@click.option("--at-most", type=click.IntRange(min=1), metavar="NUMBER", help="More than so many stay open.")
@click.option("--critical", is_flag=True, help="Let the pattern cover critical findings too.")
@click.option("--dry-run", is_flag=True, help="Only list what the pattern covers now.")
@click.option("--list", "listed", is_flag=True, help="Print the waivers, ended ones too.")
@click.option("--revoke", is_flag=True, help="Take the waiver of this finding or pattern back.")
@_FROM
@_CONFIG
@_STATE
@_NOW
@click.pass_obj
def waive(
    talk: Any,
    /,
    *,
    fingerprint: str,
    listed: bool,
    revoke: bool,
    **flags: Any,
) -> None:
    """Accept a finding until a date. It stays a row of the report, and --fail-on does not count it.

    FINGERPRINT is that of the report, or its first digits. An ended waiver becomes a finding (ED302). With
    --rule and --identity or --account a pattern is waived: what matches later is waived too, up to --at-most.

    \b
    Example:  entdrift waive 4f1d2a90b6c3 --reason "until the move" --owner team-claims --until 2027-01-31
    Example:  entdrift waive --rule ED304 --identity "*:role/pilot-agent" --dry-run
    Example:  entdrift waive --rule ED304 --identity "*:role/pilot-agent" --at-most 900
              --reason "data events cost too much" --owner team-cloud --until 2027-01-31
    Example:  entdrift waive --list --from out
    Example:  entdrift waive 4f1d2a90b6c3 --revoke --reason "moved" --owner team-claims
    """
    from scanner.history import waive as work  # noqa: PLC0415 start-up time
    from scanner.history.session import local  # noqa: PLC0415 as above

    where = work.state_of(flags["source"], flags["config"], flags["state"])
    if listed:
        with local(where) as path:
            done = work.show(path, flags["now"])
        sys.exit(done)
    wide = {name: flags.pop(name) for name in ("rule", "identity", "account", "at_most", "critical")}
    dry_run = flags.pop("dry_run")
    if not fingerprint and not wide["rule"]:
        raise click.UsageError("waive needs the fingerprint of a finding, a pattern (--rule), or --list")
    if fingerprint and wide["rule"]:
        raise click.UsageError("waive takes a fingerprint or a pattern, not both")
    if revoke:
        with local(where, write=True) as path:
            done = work.revoke(fingerprint, flags["reason"], flags["owner"], path, flags["now"], talk)
        sys.exit(done)
    missing = [f"--{name}" for name in ("reason", "owner", "until") if not flags[name].strip()]
    if missing and not dry_run:
        raise click.UsageError(f"waive needs {' and '.join(missing)}")
    if wide["rule"]:
        from scanner.history import waive_pattern  # noqa: PLC0415 as above
        from scanner.history.patterns import Pattern  # noqa: PLC0415 as above

        pattern = Pattern(**(wide | {"at_most": wide["at_most"] or 0}))
        sys.exit(waive_pattern.waive(pattern, work.Terms(**flags), talk, dry_run=dry_run))
    if dry_run:
        raise click.UsageError("--dry-run is for a pattern (--rule)")
    sys.exit(work.waive(fingerprint, work.Terms(**flags), talk))


@click.command()
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@_CONFIG
@click.pass_obj
def diff(talk: Any, /, *, old: Path, new: Path, form: str, config: Path | None) -> None:
    """Say what changed between two scans: two report.json, their folders, or evidence bundles.

    No history is needed. A bundle is analysed first, with the patterns of --config.

    \b
    Example:  entdrift diff last-week/report.json out/report.json
    Example:  entdrift diff evidence-october evidence-november --format markdown
    """
    from scanner.drift.diff import diff as work  # noqa: PLC0415 start-up time

    sys.exit(work(old, new, form, config, talk))
