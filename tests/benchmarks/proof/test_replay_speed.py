"""How many distinct requests a second the compiled replay decides; run with `pytest tests/benchmarks/proof -s`."""

import time

from connectors.aws.conditions import Context
from connectors.aws.policy_document import parse_document
from connectors.aws.replay import Compiled

STATEMENTS = 100
REQUESTS = 400_000
LEAST_A_SECOND = 300_000
SERVICES = ("s3", "sqs", "sns", "dynamodb", "lambda", "kms", "logs", "ec2", "bedrock", "sagemaker")


def policy():
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
    return parse_document({"Version": "2012-10-17", "Statement": found}).statements


def requests():
    """Return distinct (action, resource) pairs, half of them refused."""
    verbs = ("GetItem", "GetObject", "ListThings", "Delete")
    return [
        (
            f"{SERVICES[n % 10]}:{verbs[n % 4]}",
            f"arn:aws:{SERVICES[n % 10]}:eu-west-1:111122223333:team-{n % 130}/key-{n}",
        )
        for n in range(REQUESTS)
    ]


def test_three_hundred_thousand_distinct_requests_a_second():
    compiled = Compiled(policy(), Context({}))
    asked = requests()
    assert REQUESTS == len(set(asked))
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        for action, resource in asked:
            compiled.decide(action, resource)
        best = max(best, REQUESTS / (time.process_time() - start))
    print(f"\n{best:,.0f} distinct requests a second for {STATEMENTS} statements")
    assert best >= LEAST_A_SECOND
