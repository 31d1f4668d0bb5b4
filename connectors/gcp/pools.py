"""Say which outside issuers may make anybody an identity of a workload identity pool."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors.facts import Caveat
from connectors.gcp.catalog import table
from connectors.gcp.grants import Binding
from connectors.gcp.inventory import Inventory

_POOL = "/workloadIdentityPools/"


def open_providers(inventory: Inventory, bindings: Iterable[Binding]) -> Iterator[Caveat]:
    """Yield the providers of bound pools whose issuer serves everybody and that have no condition.

    Anyone with an account there may then get tokens of the pool; only the bindings decide what they may do.
    Source: docs.cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines.
    """
    bound = {_pool(one.member.written) for one in bindings if _POOL in one.member.written}
    for found in inventory.beside.get("workload_identity", ()):
        provider = found.data
        name = str(provider.get("name") or "")
        issuer = _issuer(provider)
        if "/providers/" not in name or _pool(name) not in bound or provider.get("disabled") is True:
            continue
        if _shared(issuer) and not provider.get("attributeCondition"):
            yield Caveat(
                "an outside issuer that serves everybody, without an attribute condition",
                f"{name}: {issuer}",
                "anyone with an account there may become an identity of the pool: set attributeCondition to"
                " the organization or repository that is meant",
            )


def _pool(name: str) -> str:
    """Return the id of the pool in a name: bindings write its project by number, lists perhaps by id."""
    return name.rpartition(_POOL)[2].partition("/")[0]


def _issuer(provider: Mapping[str, Any]) -> str:
    oidc = provider.get("oidc")
    return str(oidc.get("issuerUri") or "") if isinstance(oidc, Mapping) else ""


def _shared(issuer: str) -> bool:
    return issuer.removeprefix("https://").partition("/")[0] in table("impersonation")["shared_issuers"]
