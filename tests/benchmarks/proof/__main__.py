"""How fast replay decides distinct requests, beside a plain evaluator: `python -m tests.benchmarks.proof`.

Both decide the same requests over the same policy of 100 statements in one run; the plain evaluator is what one
would write first: a compiled regular expression per pattern, statement after statement.
"""

import argparse
import re
import time
from collections.abc import Callable

from connectors.aws.policy.conditions import Context
from connectors.aws.policy.document import Statement, parse_document
from connectors.aws.reduction.replay import Compiled
from connectors.facts import Effect

STATEMENTS = 100
SERVICES = ("s3", "sqs", "sns", "dynamodb", "lambda", "kms", "logs", "ec2", "bedrock", "sagemaker")
TARGET_A_SECOND = 300_000
"""DESIGN section 6: on one core, for a policy of 100 statements."""


def policy() -> tuple[Statement, ...]:
    """Return 100 statements over ten services: literals, prefixes, inner wildcards, Deny and NotResource."""
    found = []
    for number in range(STATEMENTS):
        service = SERVICES[number % len(SERVICES)]
        arn = f"arn:aws:{service}:eu-west-1:111122223333:"
        resources = [f"{arn}team-{number}/*", f"{arn}team-{number}", f"{arn}*/shared-{number}/?/data"]
        found.append(
            {
                "Effect": "Deny" if number % 20 == 19 else "Allow",
                "Action": [f"{service}:Get*", f"{service}:List*", f"{service}:Put{number}"],
                ("NotResource" if number % 50 == 49 else "Resource"): resources,
            }
        )
    return tuple(parse_document({"Version": "2012-10-17", "Statement": found}).statements)


def requests(count: int) -> list[tuple[str, str]]:
    """Return distinct (action, resource) pairs, half of them refused."""
    verbs = ("GetItem", "GetObject", "ListThings", "Delete")
    return [
        (
            f"{SERVICES[n % 10]}:{verbs[n % 4]}",
            f"arn:aws:{SERVICES[n % 10]}:eu-west-1:111122223333:team-{n % 130}/key-{n}",
        )
        for n in range(count)
    ]


def plain(statements: tuple[Statement, ...]) -> Callable[[str, str], bool]:
    """Return an evaluator that looks at each statement in turn."""

    def patterns(texts: tuple[str, ...]) -> re.Pattern[str]:
        globs = (re.escape(text).replace(r"\*", ".*").replace(r"\?", ".") for text in texts)
        return re.compile("|".join(f"(?:{glob})" for glob in globs), re.DOTALL)

    compiled = [
        (one.effect, patterns(one.actions), patterns(one.resources), one.not_resources) for one in statements
    ]

    def decide(action: str, resource: str) -> bool:
        allowed = False
        for effect, actions, resources, not_resources in compiled:
            if actions.fullmatch(action) and bool(resources.fullmatch(resource)) != not_resources:
                if effect is Effect.DENY:
                    return False
                allowed = True
        return allowed

    return decide


def a_second(decide: Callable[[str, str], object], asked: list[tuple[str, str]]) -> float:
    """Return decisions per second of CPU."""
    start = time.process_time()
    for action, resource in asked:
        decide(action, resource)
    return len(asked) / (time.process_time() - start)


def main() -> None:
    """Print both speeds and their ratio, the best of three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400_000)
    asked = requests(parser.parse_args().requests)
    statements = policy()
    compiled = Compiled(statements, Context({}))
    baseline = plain(statements)
    ours = max(a_second(compiled.decide, asked) for _ in range(3))
    theirs = max(a_second(baseline, asked[: len(asked) // 20]) for _ in range(3))
    print("| evaluator | distinct requests a second | ratio |")
    print("|---|---|---|")
    print(f"| plain, statement after statement | {theirs:,.0f} | 1.0 |")
    print(f"| compiled replay | {ours:,.0f} | {ours / theirs:.1f} |")
    print(
        f"\n{STATEMENTS} statements, {len(asked):,} requests; target {TARGET_A_SECOND:,} a second on one core"
    )


if __name__ == "__main__":
    main()
