"""The command line: flags in, exit code out; everything heavy is imported by the verb that needs it."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from scanner import ending
from scanner.baseline_cli import baseline
from scanner.gate_cli import gate
from scanner.history_cli import diff, history, waive
from scanner.tickets_cli import tickets
from scanner.volume import give_volume_flags

_FAIL_ON = click.Choice(["none", "info", "low", "medium", "high", "critical"])
_PATH = click.Path(path_type=Path)

_NOW = click.option(
    "--now", metavar="TIME", help="Pretend that this is the present (RFC 3339); makes runs repeatable."
)
_OUTPUT = click.option(
    "--output", "-o", type=_PATH, metavar="DIR", help="Folder for everything that has no FILE of its own."
)
_FAIL = click.option("--fail-on", type=_FAIL_ON, help="Exit 1 when a finding is at or above this severity.")
_STRICT = click.option("--strict", is_flag=True, help="Exit 3 when any evidence could not be read whole.")
_FORMAT = click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="NAME[=FILE]",
    help="A format to write, repeatable; FILE may be - for standard output. See `entdrift report --help`.",
)
_SINCE = click.option("--since", metavar="TIME", help="Start of the window (overrides the config file).")
_UNTIL = click.option("--until", metavar="TIME", help="End of the window (overrides the config file).")
_STATE = click.option(
    "--state",
    envvar=["ENTDRIFT_STATE"],
    metavar="PLACE",
    help="The state of the history: a file, s3://, gs:// or azblob:// (default: OUTPUT/state.sqlite).",
)
_NO_HISTORY = click.option(
    "--no-history", is_flag=True, help="Remember nothing: no state file, every finding is new, no drift."
)

_REREAD = click.option(
    "--reread",
    is_flag=True,
    help="Read every log once more, whatever the history remembers, and remember it anew.",
)


class _Group(click.Group):
    """A group whose expected errors end in one clear message and the exit code of the contract."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; turn errors into a message on stderr and an exit code."""
        from scanner.failure import exit_code, explain

        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:  # the last stop: every error gets a message
            explain(error, verbose=bool(ctx.obj and ctx.obj.verbose))
            ctx.exit(exit_code(error))


class _WithFormats(click.Command):
    """A verb whose help ends with the list of formats; only showing it costs their import."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names of all formats and what each is."""
        del ctx
        from reports.formats import FORMATS

        with formatter.section("Formats"):
            formatter.write_dl([(entry.name, entry.description) for entry in FORMATS.values()])


@click.group(
    cls=_Group,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "ENTDRIFT",
    },
)
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@click.option("--verbose", "-v", is_flag=True, help="Say more, and show tracebacks of internal errors.")
@click.option("--no-color", is_flag=True, help="No colours (also: the NO_COLOR variable).")
@click.version_option(package_name="entdrift", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, *, quiet: bool, verbose: bool, no_color: bool) -> None:
    """Find what AI workload identities may do in AWS, GCP and Azure but never do, and what cannot be seen.

    \b
    First look:    entdrift demo
    Own account:   entdrift init, then entdrift scan --config config.toml --output out
    """
    from scanner.talk import Talk, heard

    ctx.obj = Talk(quiet=quiet, verbose=verbose, no_color=no_color)
    ctx.with_resource(heard(ctx.obj))


@cli.command()
@click.option(
    "--output", "-o", type=_PATH, default=Path("demo-report"), show_default=True, help="Folder to write."
)
@_STATE
@_NO_HISTORY
@click.pass_obj
def demo(talk: Any, *, output: Path, state: str | None, no_history: bool) -> None:
    """Run the whole way on evidence that ships with the package; needs no cloud and no account.

    \b
    Example:  entdrift demo --output demo-report
    """
    from scanner import run

    sys.exit(run.demo(output, talk, state=state, remember=not no_history))


@cli.command()
@click.option(
    "--cloud", "clouds", multiple=True, type=click.Choice(["aws", "gcp", "azure"]), help="Repeatable."
)
@click.option(
    "--output", "-o", type=_PATH, default=Path("config.toml"), show_default=True, help="File to write."
)
@click.pass_obj
def init(talk: Any, *, clouds: tuple[str, ...], output: Path) -> None:
    """Write a commented config.toml for the clouds you name (all three by default).

    \b
    Example:  entdrift init --cloud aws --cloud gcp
    """
    from scanner.example import write_example

    write_example(output, clouds)
    talk.say(f"wrote {output}; fill in the paths, then: entdrift scan --config {output} --output out")


@cli.command()
@click.option(
    "--config", "-c", type=_PATH, default=Path("config.toml"), show_default=True, help="The config file."
)
@click.option("--source", metavar="NAME", help="Look at this source only.")
@click.option("--print-policy", is_flag=True, help="Print the read-only policy that a live source needs.")
@_NOW
@click.pass_obj
def doctor(talk: Any, *, config: Path, source: str | None, print_policy: bool, now: str | None) -> None:
    """Say who you are in each cloud, what a scan could read, which logs are on, and what could not be seen.

    A live source is asked each call once. Files are read whole, so this takes as long as collecting them. The
    last line counts many sources and names those with a problem.

    \b
    Example:  entdrift doctor --config config.toml
    Example:  entdrift doctor --source pilot-aws --print-policy > policy.json
    """
    from scanner import run

    sys.exit(run.examine(config, source, run.Span(now=now), talk, print_policy=print_policy))


@cli.command()
@click.option("--config", "-c", type=_PATH, required=True, help="The config file.")
@click.option("--output", "-o", type=_PATH, required=True, metavar="BUNDLE", help="Folder for the bundle.")
@_SINCE
@_UNTIL
@_NOW
@_STRICT
@click.pass_obj
def collect(
    talk: Any,
    *,
    config: Path,
    output: Path,
    since: str | None,
    until: str | None,
    now: str | None,
    strict: bool,
) -> None:
    """Gather evidence into a bundle and stop; `scan --bundle` analyses it later, without the originals.

    \b
    Example:  entdrift collect --config config.toml --output evidence
    """
    from scanner import run

    sys.exit(run.collect(config, output, run.Span(since, until, now), talk, strict=strict))


@cli.command()
@click.option("--config", "-c", type=_PATH, help="The config file.")
@click.option("--bundle", type=_PATH, help="Analyse this evidence bundle instead of collecting.")
@_OUTPUT
@click.option("--identities", type=click.Choice(["ai", "all"]), help="Whom to analyse (default: ai).")
@_SINCE
@_UNTIL
@_FORMAT
@_FAIL
@_STRICT
@_NOW
@click.option(
    "--max-duration",
    metavar="TIME",
    help="Stop gathering after so long (90, 45m, 2h); keep what there is and say what is missing.",
)
@_STATE
@_NO_HISTORY
@_REREAD
@click.pass_obj
def scan(
    talk: Any,
    *,
    config: Path | None,
    bundle: Path | None,
    output: Path | None,
    identities: str | None,
    since: str | None,
    until: str | None,
    formats: tuple[str, ...],
    fail_on: str | None,
    strict: bool,
    now: str | None,
    max_duration: str | None,
    state: str | None,
    no_history: bool,
    reread: bool,
) -> None:
    """Collect, analyse and report.

    \b
    Example:  entdrift scan --config config.toml --output out
    Example:  entdrift scan --bundle evidence --output out
    """
    from scanner import run

    request = run.Request(
        config=config,
        bundle=bundle,
        output=output,
        identities=identities,
        span=run.Span(since, until, now),
        formats=formats,
        fail_on=fail_on,
        strict=strict,
        max_duration=max_duration,
        state=state,
        remember=not no_history,
        reread=reread,
    )
    sys.exit(run.scan(request, talk))


@cli.command(cls=_WithFormats)
@click.option("--from", "source", type=_PATH, required=True, help="A report.json, or the folder of a scan.")
@_FORMAT
@_OUTPUT
@_FAIL
@click.pass_obj
def report(
    talk: Any, *, source: Path, formats: tuple[str, ...], output: Path | None, fail_on: str | None
) -> None:
    """Render an existing report.json in other formats, without analysing again.

    \b
    Example:  entdrift report --from out/report.json --format sarif=out/report.sarif
    Example:  entdrift report --from out/report.json --format markdown=-
    """
    from scanner import run

    sys.exit(run.report(source, formats, output, fail_on, talk))


_FORMS = ["json", "terraform", "cli", "cloudformation", "bicep", "rollback", "break-glass", "alternative"]
_FROM = click.option(
    "--from",
    "source",
    type=_PATH,
    default=Path("out"),
    show_default=True,
    help="A report.json, or the folder it is in.",
)


@cli.command()
@click.argument("identity")
@click.option("--form", type=click.Choice(_FORMS), default="json", show_default=True, help="What to print.")
@click.option("--until", metavar="TIME", default="", help="When a break-glass document ends (RFC 3339).")
@click.option(
    "--rebuild", is_flag=True, help="Fresh documents with narrowed resources (needs the evidence beside it)."
)
@_FROM
@click.pass_obj
def reduce(talk: Any, *, identity: str, form: str, until: str, source: Path, rebuild: bool) -> None:
    """Print one identity's reduction with its five claims, ready to apply.

    IDENTITY is the id, or the name where only one identity has it.

    \b
    Example:  entdrift reduce claims-agent --form terraform --from out > claims-agent.tf
    Example:  entdrift reduce claims-agent --form rollback --from out/report.json
    """
    from scanner import run

    sys.exit(run.reduce(identity, source, form, until, talk, rebuild=rebuild))


@cli.command()
@click.argument("identity")
@click.argument("permission", default="")
@click.argument("resource", default="")
@_FROM
def explain(*, identity: str, permission: str, resource: str, source: Path) -> None:
    """Say why a permission is allowed, where it is written, whether it was used, and what the reduction does.

    \b
    Example:  entdrift explain claims-agent --from out
    Example:  entdrift explain claims-agent s3:GetObject arn:aws:s3:::claims/2026/1.pdf --from out
    """
    from scanner import run

    sys.exit(run.explain(identity, permission, resource, source))


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print the completion script of a shell; it names verbs, flags and their choices.

    \b
    Example:  entdrift completion bash > ~/.local/share/bash-completion/completions/entdrift
    Example:  entdrift completion zsh > "${fpath[1]}/_entdrift"
    Example:  entdrift completion fish > ~/.config/fish/completions/entdrift.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - click has all three
        raise click.ClickException(f"this version of click cannot complete in {shell}")
    script = found(cli, {}, "entdrift", "_ENTDRIFT_COMPLETE")
    click.echo(script.source_template % script.source_vars())


cli.add_command(baseline)
cli.add_command(gate)
cli.add_command(history)
cli.add_command(waive)
cli.add_command(diff)
cli.add_command(tickets)
give_volume_flags(cli)


def main() -> None:
    """Run the command line, as the last thing that this process does."""
    # numpy would start a thread for each processor, for arithmetic that nobody here asks it for; and only a
    # process with one thread can share its work with a copy of itself (connectors/forked.py).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    ending.as_program()
    try:
        cli.main(prog_name="entdrift")
    except SystemExit as end:
        ending.leave(end)
