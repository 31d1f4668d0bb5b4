"""What the permission algebra and a whole analysis cost: `python -m tests.benchmarks.analysis`.

Three parts, each beside a baseline in the same run: wildcard expansion (cold) beside `fnmatch` over all names,
the comparison of granted and used for 10,000 identities beside sets of names, and `scan` of a made-up account
with 1,000 roles without its log reading. Seconds are CPU; only the ratios carry over to another machine.
"""

import argparse
import contextlib
import fnmatch
import json
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.aws.catalog.actions import Catalogue
from connectors.cycles import no_collection
from connectors.facts import Entitlement, Usage, Window
from connectors.interface import Patterns, Source, silent
from reports import formats
from reports import json as report_json
from scanner import pipeline
from scanner.publish import publish
from scanner.rules.finding import Limits
from scanner.verdicts import judge

VERBS = ("Get", "List", "Describe", "Put", "Create", "Delete", "Update", "Tag", "Batch", "Start")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that a piece of work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def patterns(choice: random.Random, services: list[str], count: int) -> list[str]:
    """Return action patterns as policies hold them: few distinct ones, written again and again."""
    distinct = [f"{service}:{verb}*" for service in services for verb in VERBS]
    distinct += [f"{service}:*" for service in services]
    distinct += [f"{service}:*{verb}?*" for service in services for verb in VERBS[:2]]
    return [choice.choice(distinct) for _ in range(count)]


def expansion(choice: random.Random, count: int) -> tuple[float, float]:
    """Return the seconds for `count` patterns, cold, and for the same by fnmatch (measured on some, scaled)."""
    catalogue = Catalogue()
    names = catalogue.permissions.names(catalogue.known)
    asked = patterns(choice, sorted({name.partition(":")[0] for name in names}), count)

    def ours() -> None:
        fresh = Catalogue()
        for pattern in asked:
            fresh.expand(pattern)

    lower, sample = [name.lower() for name in names], asked[:50]

    def theirs() -> None:
        for pattern in sample:
            fnmatch.filter(lower, pattern.lower())

    return seconds(ours), seconds(theirs) * count / len(sample)


def comparison(choice: random.Random, identities: int, permissions: int) -> tuple[float, float]:
    """Return the seconds to compare granted and used of many identities: as integers, as sets of names."""
    catalogue = Catalogue()
    names = catalogue.permissions.names(catalogue.known)[:permissions]
    held = catalogue.permissions.mask(names)
    called = [choice.sample(names, 20) for _ in range(50)]
    usage = [
        [Usage("i", name, "", "", 1, 0, "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z") for name in some]
        for some in called
    ]
    entitlement = Entitlement("i", held)

    def ours() -> None:
        for number in range(identities):
            judge(entitlement, usage[number % 50], catalogue.permissions)

    granted, sample = set(names), max(1, identities // 100)

    def theirs() -> None:
        for number in range(sample):
            used = set(called[number % 50])
            _ = granted & used, granted - used

    return seconds(ours), seconds(theirs) * identities / sample


SHAPES = ("realistic", "wide", "admin", "trusting")
"""Ten policies of a few services each, shared and inline; one of 40 whole services each; `*` each.

Or ten administrators among roles that may all become each other.
"""


def account(choice: random.Random, roles: int, shape: str = "realistic") -> dict[str, Any]:
    """Return authorization details of one of the shapes."""
    names = Catalogue().permissions
    services = sorted({name.partition(":")[0] for name in names.names((1 << len(names)) - 1)})

    def document() -> dict[str, Any]:
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": patterns(choice, choice.sample(services, 3), 6),
                    "Resource": "*",
                }
                for _ in range(2)
            ],
        }

    shared = [
        {
            "PolicyName": f"shared-{number:03}",
            "Arn": f"arn:aws:iam::111122223333:policy/shared-{number:03}",
            "DefaultVersionId": "v1",
            "AttachmentCount": roles // 10,
            "PolicyVersionList": [{"VersionId": "v1", "IsDefaultVersion": True, "Document": document()}],
        }
        for number in range(100)
    ]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "bedrock.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    details = [
        {
            "RoleName": f"agent-{number:04}",
            "RoleId": f"AROA{number:016}",
            "Arn": f"arn:aws:iam::111122223333:role/agent-{number:04}",
            "Path": "/",
            "CreateDate": "2025-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": trust,
            "RolePolicyList": [
                {"PolicyName": f"own-{place}", "PolicyDocument": document()} for place in range(3)
            ],
            "AttachedManagedPolicies": [
                {"PolicyName": one["PolicyName"], "PolicyArn": one["Arn"]} for one in choice.sample(shared, 7)
            ],
        }
        for number in range(roles)
    ]
    if shape != "realistic":
        for one in details:
            actions = ["*"] if shape == "admin" else [f"{name}:*" for name in choice.sample(services, 40)]
            if shape == "trusting":
                account_itself = {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"AWS": "111122223333"},
                }
                one["AssumeRolePolicyDocument"] = {
                    **trust,
                    "Statement": [*trust["Statement"], account_itself],
                }
                strong = int(one["RoleName"][-4:]) % max(1, roles // 10) == 0
                actions = ["*"] if strong else ["sts:AssumeRole", "s3:GetObject"]
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            policy = {"Version": "2012-10-17", "Statement": [statement]}
            one |= {
                "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": policy}],
                "AttachedManagedPolicies": [],
            }
    return {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": details, "Policies": shared}


def events(roles: int) -> dict[str, Any]:
    """Return a log with a few calls of each role, and the first and last day of the window."""
    start = NOW - timedelta(days=89)
    return {
        "Records": [
            {
                "eventVersion": "1.11",
                "eventID": f"{number:08}-0000-4000-8000-{place:012}",
                "eventTime": (start + timedelta(days=44 * place)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "eventSource": "s3.amazonaws.com",
                "eventName": ("ListBuckets", "CreateBucket", "PutBucketPolicy")[place],
                "awsRegion": "us-east-1",
                "recipientAccountId": "111122223333",
                "eventCategory": "Management",
                "userIdentity": {
                    "type": "AssumedRole",
                    "arn": f"arn:aws:sts::111122223333:assumed-role/agent-{number:04}/s",
                    "accountId": "111122223333",
                    "sessionContext": {
                        "sessionIssuer": {"arn": f"arn:aws:iam::111122223333:role/agent-{number:04}"}
                    },
                },
            }
            for number in range(roles)
            for place in range(3)
        ]
    }


def yardstick() -> float:
    """Return the CPU seconds of a fixed piece of work: how busy the machine is, seen in the same run."""
    names = Catalogue().permissions
    texts = names.names(names.known)

    def work() -> None:
        for _ in range(20):
            json.loads(json.dumps({text: [text, len(text)] for text in texts}))

    return seconds(work)


def source(folder: Path, choice: random.Random, roles: int, shape: str, number: int) -> Source:
    """Write the evidence of one account and return its source."""
    details, trail = folder / f"gaad-{number}.json", folder / f"trail-{number}.json"
    own = str(111122223333 + number)
    details.write_text(json.dumps(account(choice, roles, shape)).replace("111122223333", own))
    calls = json.dumps(events(roles)).replace("111122223333", own)
    trail.write_text(calls.replace("-4000-", f"-{4000 + number}-"))
    files = {"authorization_details": (details,), "cloudtrail": (trail,)}
    return Source(f"source-{number:03}", "aws", "pilot", "export", files)


def analysis(
    choice: random.Random, roles: int, shape: str, sources: int = 1
) -> tuple[float, list[tuple[str, float]], int]:
    """Return CPU seconds of reading the evidence, of each step after it, and the size of the report.

    The cycle collector is off after reading, as in a scan.
    """
    with tempfile.TemporaryDirectory() as text, contextlib.ExitStack() as stack:
        folder = Path(text)
        found = tuple(source(folder, choice, roles, shape, number) for number in range(sources))
        window = Window(NOW - timedelta(days=90), NOW)
        start = time.process_time()
        bundle = pipeline.collect(
            found, folder / "evidence", window=window, now=NOW, tool="benchmark", observe=silent
        )
        read = time.process_time() - start
        stack.enter_context(no_collection())
        steps = []
        start = time.process_time()
        result = pipeline.analyse(bundle, patterns=Patterns(), everyone=False, now=NOW, observe=silent)
        steps.append(("interpret, compare, reduce and prove", time.process_time() - start))
        start = time.process_time()
        findings = pipeline.judge(result, pipeline.rule_contexts(result, Limits()))
        steps.append(("judge", time.process_time() - start))
        start = time.process_time()
        report = publish(result, findings)
        raw = report_json.encode(report)
        steps.append(("publish and write report.json", time.process_time() - start))
        for name in ("html", "tickets-markdown", "tickets-json", "tickets-csv"):
            start = time.process_time()
            formats.find(name).render(report)
            steps.append((f"write {name}", time.process_time() - start))
    return read, steps, len(raw)


def growth(choice: random.Random, counts: list[int], unit: float) -> None:
    """Print what more sources of 20 roles each cost: per role it must not grow."""
    print("| sources of 20 roles | CPU s without reading | times the unit | ms a role |")
    print("|---|---|---|---|")
    for count in counts:
        _, steps, _ = analysis(choice, 20, SHAPES[0], count)
        spent = sum(seconds for _, seconds in steps)
        print(f"| {count} | {spent:.2f} | {spent / unit:.1f} | {spent / count / 20 * 1e3:.0f} |")


def main() -> None:
    """Print the three tables, or only the growth over sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roles", type=int, default=1_000)
    parser.add_argument("--patterns", type=int, default=125_000)
    parser.add_argument("--identities", type=int, default=10_000)
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0])
    parser.add_argument("--sources", type=int, nargs="+", default=[], metavar="N")
    arguments = parser.parse_args()
    choice = random.Random(7)  # noqa: S311 a repeatable account
    if arguments.sources:
        growth(choice, arguments.sources, yardstick())
        return
    ours, theirs = expansion(choice, arguments.patterns)
    print("| what | CPU s | baseline, CPU s | times faster |")
    print("|---|---|---|---|")
    print(
        f"| {arguments.patterns:,} patterns, cold; fnmatch | {ours:.2f} | {theirs:.1f} | {theirs / ours:,.0f} |"
    )
    ours, theirs = comparison(choice, arguments.identities, 20_000)
    what = f"{arguments.identities:,} identities x 20,000 permissions; sets of names"
    print(f"| {what} | {ours:.2f} | {theirs:.1f} | {theirs / ours:,.0f} |")
    unit = yardstick()
    read, steps, size = analysis(choice, arguments.roles, arguments.shape)
    print(f"\n{arguments.roles:,} roles, {arguments.shape} (report.json {size / 1e6:.0f} MB)\n")
    print(f"| step | CPU s | times the JSON of the catalogue, 20 times there and back ({unit:.2f} s) |")
    print("|---|---|---|")
    steps = [("read the evidence", read), *steps, ("all but reading", sum(spent for _, spent in steps))]
    for name, spent in steps:
        print(f"| {name} | {spent:.2f} | {spent / unit:.1f} |")


if __name__ == "__main__":
    main()
