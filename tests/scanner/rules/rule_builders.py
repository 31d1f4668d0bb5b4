"""Synthetic analysis results for the tests of the rules: what an analysis would conclude, by hand."""

from datetime import UTC, datetime

from connectors.facts import (
    Coverage,
    CoverageState,
    Credential,
    Effect,
    Grant,
    Identity,
    Signal,
    SignalKind,
    Usage,
    Window,
    Workload,
)
from connectors.permissions import Permissions
from scanner.results import (
    Confidence,
    CredentialResult,
    GrantResult,
    GrantVerdict,
    IdentityResult,
    Reach,
    Reason,
    Verdict,
    Verdicts,
)
from scanner.rules.finding import Limits, RuleContext
from scanner.rules.recorded import recorded

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/invoice-agent"
WINDOW = Window(datetime(2026, 8, 25, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
OBSERVED = Window(datetime(2026, 8, 27, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
MANAGEMENT = Coverage("aws", ACCOUNT, "all regions", "management events", CoverageState.ON)
DATA_PARTLY = Coverage("aws", ACCOUNT, "eu-west-1", "AWS::S3::Object", CoverageState.PARTIAL)


class World:
    """One cloud's permission names, and results and contexts that speak about them."""

    def __init__(self, provider: str = "aws") -> None:
        self.provider = provider
        service = {
            "aws": lambda name: name.partition(":")[0],
            "gcp": lambda name: name.partition(".")[0],
            "azure": lambda name: name.partition("/")[0],
        }[provider]
        fold = str if provider == "gcp" else str.lower
        self.permissions = Permissions(source="catalogue", date="2026-10-27", service=service, fold=fold)

    def mask(self, *names: str) -> int:
        return self.permissions.mask(names)

    def identity(self, **changes) -> Identity:
        fields = {
            "id": ROLE,
            "provider": self.provider,
            "account": ACCOUNT,
            "kind": "role",
            "name": "invoice-agent",
            "source": "pilot",
            "immutable_id": "AROA1",
            "owner": "team-invoices",
            "created": "2025-01-01T00:00:00Z",
        }
        return Identity(**{**fields, **changes})

    def grant(self, *names: str, **changes) -> GrantResult:
        verdict = changes.pop("verdict", GrantVerdict.USED)
        last_used = changes.pop("last_used", "")
        fields = {
            "id": "InvoicePolicy#0",
            "identity": ROLE,
            "source": "InvoicePolicy, statement 1",
            "name": "InvoicePolicy",
            "effect": Effect.ALLOW,
            "scope": "*",
            "permissions": self.mask(*names),
        }
        return GrantResult(Grant(**{**fields, **changes}), verdict, last_used)

    def admin(self) -> dict:
        """Build verdicts and a grant that make the identity an administrator."""
        grant = self.grant("iam:PutRolePolicy", id="admin", admin="Action * on Resource *")
        return {"verdicts": self.verdicts(unused=["iam:PutRolePolicy"]), "grants": (grant,)}

    def verdicts(self, **names) -> Verdicts:
        """Build verdicts from names; `unobservable` may be a mapping of reason code to names."""
        hidden = names.pop("unobservable", {})
        codes = hidden if isinstance(hidden, dict) else {"data-events-not-logged": hidden}
        sets = {verdict: self.mask(*members) for verdict, members in names.items()}
        reasons = tuple(
            Reason(
                Verdict.UNOBSERVABLE,
                code,
                f"{code} is why",
                f"switch on what {code} names",
                self.mask(*members),
            )
            for code, members in codes.items()
        )
        unobservable = self.mask(*(name for members in codes.values() for name in members))
        held = unobservable
        for verdict in ("used", "denied", "unused", "conditional"):
            held |= sets.get(verdict, 0)
        not_granted = sets.get("not_granted", 0)
        return Verdicts(
            **{
                **sets,
                "granted": held & ~not_granted,
                "unobservable": unobservable,
                "reasons": reasons,
            }
        )

    def usage(self, permission: str, **changes) -> Usage:
        fields = {
            "identity": ROLE,
            "permission": permission,
            "resource": "arn:aws:s3:::invoices",
            "credential": "",
            "count": 3,
            "denied": 0,
            "first_seen": "2026-09-01T10:00:00Z",
            "last_seen": "2026-11-01T10:00:00Z",
            "last_allowed": "2026-11-01T10:00:00Z",
        }
        return Usage(**{**fields, **changes})

    def result(self, **changes) -> IdentityResult:
        """Build a result; `reach` maps class to permission names."""
        identity = changes.pop("identity", None) or self.identity()
        reach = changes.pop("reach", {})
        verdicts = changes.pop("verdicts", Verdicts())
        fields = {
            "identity": identity,
            "stage": "pilot",
            "is_ai": True,
            "ai_confidence": Confidence.HIGH,
            "readable": True,
            "verdicts": verdicts,
            "usage": (),
            "grants": (),
            "credentials": (),
            "reach": {
                name: Reach(self.mask(*members) & verdicts.granted, self.mask(*members) & verdicts.used, ())
                for name, members in reach.items()
            },
            "observed": OBSERVED,
        }
        return IdentityResult(**{**fields, **changes})

    def context(self, **changes) -> RuleContext:
        fields = {
            "window": WINDOW,
            "now": WINDOW.end,
            "permissions": self.permissions,
            "limits": Limits(),
            "identities": {},
            "recorded": recorded(changes.pop("coverage", (MANAGEMENT,))),
        }
        return RuleContext(**{**fields, **changes})


def credential(**changes) -> CredentialResult:
    """Build an active access key, 400 days old, whose last use the cloud reports as never."""
    uses = changes.pop("uses", 0)
    age_days = changes.pop("age_days", 400)
    last_used = changes.pop("seen", "")
    fields = {
        "identity": ROLE,
        "id": "AKIAEXAMPLE",
        "kind": "access key",
        "status": "active",
        "long_lived": True,
        "created": "2025-10-19T00:00:00Z",
        "last_used_known": True,
    }
    held = Credential(**{**fields, **changes})
    return CredentialResult(held, uses, last_used or held.last_used, age_days)


SIGNAL = Signal(SignalKind.TRUST, "bedrock.amazonaws.com", "trust policy")
LAMBDA = Workload("lambda", "arn:aws:lambda:eu-west-1:111122223333:function:invoices", "invoices")
RUNTIME = Workload("agent runtime", "arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/r", "runtime-r")
