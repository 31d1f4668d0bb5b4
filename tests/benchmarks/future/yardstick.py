"""Cut at a day, reduce from the log before it, and count what the log after it would have been refused.

Run it: `python tests/benchmarks/future/yardstick.py` prints the table of docs/evaluation.md.

BI: identities with at least one refused request, of those with requests after the cut. DR: share of requests
refused. OP: what is left of the granted permissions that no log ever shows, weighted 1 for reading, 4 for
writing, 20 for changing permissions. NA: replacements that allow anything new (must be 0).
"""

import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.inventory import read_inventory
from connectors.aws.policy.containment import Answer, contains
from connectors.aws.reduction.desk import Desk
from connectors.aws.reduction.reduction import simulate
from connectors.aws.reduction.replay import Compiled, Outcome
from connectors.aws.reduction.standing import access_of, read_originals
from connectors.aws.trust.principal import principal_context
from connectors.facts import Window
from connectors.interface import Patterns, Source, silent
from scanner import pipeline
from scanner.proof import changes_of, reduction

AWS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "aws"
POLICIES = (
    "keep-all",
    "exact-usage",
    "action-level",
    "service-level",
    "ours, safe only",
    "ours, safe and review",
    "ours, without backtest",
)


@dataclass
class Score:
    """What one way of reducing did on one log."""

    identities: int = 0
    broken: int = 0
    requests: int = 0
    refused: int = 0
    left: int = 0
    idle: int = 0
    new_access: int = 0
    reduced: int = 0

    def line(self) -> str:
        """Return the score as cells of a table."""
        return (
            f"{self.broken}/{self.identities} | {self.refused / max(self.requests, 1):.3%} | "
            f"{self.left / max(self.idle, 1):.1%} | {self.new_access} | {self.reduced}"
        )


@dataclass
class Case:
    """A log with grants: the sources, where it begins and ends, and where to cut."""

    name: str
    source: dict[str, list[Path]]
    start: datetime
    end: datetime
    cut: datetime
    extra: list[str] = field(default_factory=list)


def bundle(case: Case, window: Window, folder: Path):
    """Gather the part of a log that lies in a window."""
    source = Source("s", "aws", "pilot", "export", {k: tuple(v) for k, v in case.source.items()})
    path = folder / f"{window.start:%Y%m%d}-{window.end:%Y%m%d}"
    return pipeline.collect([source], path, window=window, now=case.end, tool="yardstick", observe=silent)


def yardstick(case: Case, days: int, folder: Path) -> dict[str, Score]:
    """Return the score of every way of reducing after a history of so many days."""
    before = Window(max(case.start, case.cut - timedelta(days=days)), case.cut)
    past, future = bundle(case, before, folder), bundle(case, Window(case.cut, case.end), folder)
    whole = bundle(case, Window(case.start, case.end), folder)
    result = pipeline.analyse(past, patterns=Patterns(), everyone=True, now=case.cut, observe=silent)
    later = pipeline.analyse(future, patterns=Patterns(), everyone=True, now=case.end, observe=silent)
    ever = pipeline.analyse(whole, patterns=Patterns(), everyone=True, now=case.end, observe=silent)
    asked = {entry.identity.id: entry.usage for entry in later.clouds[0].identities}
    needed = {
        entry.identity.id: {row.permission for row in entry.usage if row.count > row.denied}
        for entry in ever.clouds[0].identities
    }
    cloud = result.clouds[0]
    catalogue = Catalogue()
    catalogue.permissions = cloud.permissions
    evidence = past.sources
    desk = Desk(catalogue, read_inventory(evidence), read_originals(evidence), before)
    holders = {**desk.inventory.users, **desk.inventory.roles}
    scores = {name: Score() for name in POLICIES}
    for entry in cloud.identities:
        holder = holders.get(entry.identity.id)
        if holder is None or entry.identity.managed_by_provider:
            continue
        access = access_of(holder, desk.originals, desk.groups)
        context = principal_context(holder, before)
        found = cloud.reductions[entry.identity.id]
        published = reduction(entry, found, cloud.permissions)
        offered = published.disposition
        changes = found.replacement.changes if found.replacement else ()
        # What is judged here is what the user gets: the steps and documents that stand in report.json.
        assert offered == "none" or changes_of(published) == tuple(changes), entry.identity.id
        reduced = simulate(access, changes)[-1][1].statements() if changes else access.statements()
        old, new = Compiled(access.statements(), context), Compiled(reduced, context)
        fresh = bool(changes) and contains(access.statements(), reduced).answer is not Answer.YES
        granted = entry.verdicts.granted
        seen = {(row.permission, row.resource) for row in entry.usage if row.count > row.denied}
        actions = {name for name, _ in seen}
        services = {name.partition(":")[0] for name in actions}
        keeps = {
            "keep-all": (lambda a, r: True, granted),
            "exact-usage": (
                lambda a, r, seen=seen: (a, r) in seen,
                cloud.permissions.mask(actions) & granted,
            ),
            "action-level": (
                lambda a, r, actions=actions: a in actions,
                cloud.permissions.mask(actions) & granted,
            ),
            "service-level": (
                lambda a, r, services=services: a.partition(":")[0] in services,
                cloud.permissions.mask(
                    n for n in cloud.permissions.names(granted) if n.partition(":")[0] in services
                ),
            ),
        }
        ours = (
            lambda a, r, new=new: new.decide(a, r) is not Outcome.REFUSED,
            granted & ~(found.replacement.removed if changes else 0),
        )
        for name, take in (
            ("ours, safe only", offered == "safe"),
            ("ours, safe and review", offered != "none"),
            ("ours, without backtest", True),
        ):
            keeps[name] = ours if take and changes else keeps["keep-all"]
            scores[name].reduced += bool(take and changes)
            scores[name].new_access += bool(take and fresh)
        for name, (allows, kept) in keeps.items():
            count(scores[name], old, asked.get(entry.identity.id, ()), allows)
            idle = granted & ~cloud.permissions.mask(needed.get(entry.identity.id, ()))
            scores[name].idle += weight(catalogue, idle)
            scores[name].left += weight(catalogue, idle & kept)
    return scores


def count(score: Score, old: Compiled, usage, allows) -> None:
    """Count the requests after the cut that the present policies allow and a replacement refuses."""
    requests = [
        row
        for row in usage
        if row.count > row.denied and old.decide(row.permission, row.resource) is not Outcome.REFUSED
    ]
    refused = sum(row.count - row.denied for row in requests if not allows(row.permission, row.resource))
    score.identities += bool(requests)
    score.requests += sum(row.count - row.denied for row in requests)
    score.refused += refused
    score.broken += bool(refused)


def weight(catalogue: Catalogue, permissions: int) -> int:
    """Return the weight of a set of permissions."""
    changing = permissions & catalogue.level("Permissions management")
    reading = permissions & (catalogue.level("Read") | catalogue.level("List")) & ~changing
    rest = permissions & ~changing & ~reading
    return 20 * changing.bit_count() + reading.bit_count() + 4 * rest.bit_count()


def generated() -> Case:
    """Return the generated account with its own grants: needs are known, use is even over time."""
    folder = AWS / "generated_20k"
    return Case(
        "generated_20k",
        {
            "authorization_details": sorted(folder.joinpath("grants").glob("*.json")),
            "cloudtrail": [folder / "AWSLogs"],
        },
        datetime(2026, 8, 1, tzinfo=UTC),
        datetime(2026, 10, 30, tzinfo=UTC),
        datetime(2026, 10, 5, tzinfo=UTC),
    )


def real(name: str, logs: list[Path], folder: Path) -> Case:
    """Return a real log whose principals are given AdministratorAccess, since no grants are published."""
    source = Source("s", "aws", "pilot", "export", {"cloudtrail": tuple(logs)})
    wide = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    rows = list(
        pipeline.collect([source], folder / "probe", window=wide, now=wide.end, tool="y", observe=silent)
        .sources[0]
        .usage()
    )
    arns = Counter(
        row.identity
        for row in rows
        if ":iam::" in row.identity and row.identity.split(":")[5].startswith(("role/", "user/"))
    )
    admin = {
        "PolicyName": "admin",
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        },
    }
    lists: dict[str, list] = {
        "UserDetailList": [],
        "RoleDetailList": [],
        "GroupDetailList": [],
        "Policies": [],
    }
    for arn in sorted(arns):
        kind = "Role" if ":role/" in arn else "User"
        lists[f"{kind}DetailList"].append(
            {
                f"{kind}Name": arn.rpartition("/")[2],
                "Arn": arn,
                "Path": "/",
                f"{kind}PolicyList": [admin],
                "CreateDate": "2000-01-01T00:00:00Z",
            }
        )
    grants = folder / "grants.json"
    grants.write_text(json.dumps(lists))
    first, last = (
        datetime.fromisoformat(f(getattr(row, n) for row in rows)) for f, n in ((min, "first"), (max, "last"))
    )
    middle = first + (last - first) / 2
    return Case(
        name,
        {"authorization_details": [grants], "cloudtrail": logs},
        first,
        last + timedelta(seconds=1),
        middle,
    )


def cases(folder: Path) -> list[tuple[Case, tuple[int, ...]]]:
    """Return the logs of the yardstick with the histories to try."""
    found = [(generated(), (7, 14, 30, 65))]
    for name in ("invictus_aws_dataset", "flaws_cloud_subset"):
        place = folder / name
        place.mkdir()
        found.append((real(name, [AWS / "cloudtrail" / name], place), (365,)))
    return found


def table(folder: Path) -> list[str]:
    """Return the table of docs/evaluation.md."""
    lines = ["| log | history | policy | BI | DR | OP | NA | reduced |", "|---|---|---|---|---|---|---|---|"]
    for case, histories in cases(folder):
        for days in histories:
            place = folder / f"{case.name}-{days}"
            place.mkdir()
            for name, score in yardstick(case, days, place).items():
                span = min(timedelta(days=days), case.cut - case.start)
                shown = f"{span.days} d" if span.days else f"{span.total_seconds() / 3600:.1f} h"
                lines.append(f"| {case.name} | {shown} | {name} | {score.line()} |")
    return lines


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.stdout.write("\n".join(table(Path(temporary))) + "\n")
