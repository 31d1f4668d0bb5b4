"""Ask the gcp wing for a reduction and read its answer; apply its gcloud commands by other code than its own."""

import json
import shlex

from connectors.gcp.connector import CONNECTOR
from connectors.reduction import Question


def reduced(run, identity, remove, **more):
    """Return the replacement of one identity from which these permissions may go."""
    question = Question(
        identity=identity,
        remove=run.facts.permissions.mask(remove),
        usage=tuple(row for row in run.facts.usage if row.identity == identity),
        **more,
    )
    answer = CONNECTOR.reduce(run.bundle.sources, run.facts, [question], run.bundle.window)
    assert answer.able
    assert {} == answer.failed
    return answer.found.get(identity)


def steps(replacement):
    """Return the steps in short: kind, and role or target."""
    found = []
    for change in replacement.changes:
        text = change.after or change.before
        role = json.loads(text)["role"] if "binding" in change.kind else change.target
        found.append((str(change.kind), role, change.target))
    return found


def claims(replacement):
    return [
        claim.standing.value
        for claim in (replacement.replay, replacement.containment, replacement.limits, replacement.restore)
    ]


def stays(run, replacement):
    return {stay.code: run.names(stay.permissions) for stay in replacement.stays}


PLACES = {
    ("projects",): "//cloudresourcemanager.googleapis.com/projects/{0}",
    ("resource-manager", "folders"): "//cloudresourcemanager.googleapis.com/folders/{0}",
    ("organizations",): "//cloudresourcemanager.googleapis.com/organizations/{0}",
    ("iam", "service-accounts"): "//iam.googleapis.com/projects/{project}/serviceAccounts/{0}",
    ("storage", "buckets"): "//storage.googleapis.com/{0}",
    ("secrets",): "//secretmanager.googleapis.com/projects/{project}/secrets/{0}",
    ("pubsub", "topics"): "//pubsub.googleapis.com/projects/{project}/topics/{0}",
}
UNCONDITIONED = {("pubsub", "topics")}


class Cloud:
    """Policies and roles that gcloud commands change, as the help pages of gcloud describe the commands."""

    def __init__(self, policies, roles):
        self.policies = {resource: set(bound) for resource, bound in policies.items()}
        """Resource to (role, member, expression, title)."""
        self.roles = dict(roles)
        self.disabled = set()

    def run(self, script):
        """Run a script: commands chained with `&&`."""
        for line in script.replace(" && \\\n", "\n").strip().splitlines():
            words = shlex.split(line)
            if words[0] == "sleep":
                continue
            assert "gcloud" == words[0]
            self.command(words[1:])

    def command(self, words):
        flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
        plain = [word for word in words if not word.startswith("--")]
        if plain[:2] == ["iam", "roles"]:
            level = (
                f"projects/{flags['project']}"
                if "project" in flags
                else f"organizations/{flags['organization']}"
            )
            name = f"{level}/roles/{plain[3]}"
            if plain[2] == "create":
                assert name not in self.roles, f"{name} exists"
                self.roles[name] = set(flags["permissions"].split(","))
            else:
                assert "delete" == plain[2]
                del self.roles[name]
        elif plain[2] in ("enable", "disable") and plain[:2] == ["iam", "service-accounts"]:
            (self.disabled.discard if plain[2] == "enable" else self.disabled.add)(plain[3])
        elif plain[2:4] in (["keys", "disable"], ["keys", "enable"]):
            pass
        else:
            self.bind(plain, flags)

    def bind(self, plain, flags):
        at = next(n for n, word in enumerate(plain) if word.endswith("-iam-policy-binding"))
        group = tuple(plain[:at])
        name = plain[at + 1].removeprefix("gs://")
        resource = PLACES[group].format(name, **flags)
        condition = flags.get("condition")
        if group in UNCONDITIONED:
            assert condition is None
            condition = "None"
        assert condition is not None, "gcloud would ask which binding is meant"
        expression = title = ""
        if condition != "None":
            assert condition[0] == "^"
            _, mark, rest = condition.split("^", 2)
            pairs = dict(pair.split("=", 1) for pair in rest.split(mark))
            expression, title = pairs["expression"], pairs["title"]
        bound = (flags["role"], flags["member"], expression, title)
        policy = self.policies.setdefault(resource, set())
        if plain[at].startswith("add"):
            assert flags["role"] in self.roles, f"no role {flags['role']}"
            policy.add(bound)
        else:
            policy.remove(bound)
