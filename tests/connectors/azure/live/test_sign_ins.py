"""Sign-ins are read from Graph slowly, for the last use of credentials; what was not read is said."""

from connectors.azure.connector import CONNECTOR
from connectors.interface import Patterns, Status
from tests.connectors.azure.harness import WINDOW, blind
from tests.connectors.azure.live.tenant import KEY, sign_in
from tests.connectors.azure.synthetic import AGENT

PATH = "/beta/auditLogs/signIns"
CHAT = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"


def facts(found):
    return CONNECTOR.interpret([found.evidence], WINDOW, Patterns())


def test_the_last_sign_in_of_a_secret_is_known(tenant, source, gather):
    (secret,) = [one for one in facts(gather(source())).credentials if one.id == KEY]
    assert secret.last_used == "2026-10-21T10:00:00Z"
    assert not secret.last_used_known  # one sign-in of October says nothing of August


def test_only_applications_and_managed_identities_are_asked_for(tenant, source, gather):
    asked = []
    tenant.answer(PATH, lambda query, _: asked.append(query["$filter"][0]) or {"value": []})
    gather(source())
    start, end = "createdDateTime ge 2026-08-01T00:00:00Z", "createdDateTime lt 2026-11-01T00:00:00Z"
    assert asked == [
        f"{start} and {end} and signInEventTypes/any(t: t eq '{kind}')"
        for kind in ("servicePrincipal", "managedIdentity")
    ]


def pages(tenant, count):
    """Answer sign-ins of service principals in pages of one."""

    def answer(query, _):
        if "$filter" in query and "managedIdentity" in query["$filter"][0]:
            return {"value": []}
        at = int((query.get("$skiptoken") or ["0"])[0])
        link = f"{tenant.url}{PATH}?$skiptoken={at + 1}"
        more = {"@odata.nextLink": link} if at + 1 < count else {}
        return {"value": [sign_in(f"2026-10-{20 - at:02}T10:00:00Z")], **more}

    tenant.answer(PATH, answer)


def test_pages_are_asked_for_slowly(tenant, source, gather):
    pages(tenant, 3)
    found = gather(source())
    assert found.outcomes["sign_in_logs"].records == 3
    assert found.pauses == [2.0, 2.0]


def test_too_many_are_left_at_the_newest_and_said(tenant, source, gather, monkeypatch):
    monkeypatch.setattr("connectors.azure.live.sign_ins._MOST_EVENTS", 2)
    pages(tenant, 9)
    found = gather(source())
    assert (found.outcomes["sign_in_logs"].status, found.outcomes["sign_in_logs"].records) == (
        Status.PARTIAL,
        3,
    )
    assert "ServicePrincipalSignInLogs with a diagnostic setting" in found.reason("sign_in_logs")
    # A log of sign-ins holds no calls: what it lost hides nothing of a subscription.
    assert "log-files-unreadable" not in blind(facts(found), AGENT).values()


def test_a_tenant_that_may_not_be_asked_costs_that_part_alone(tenant, source, gather):
    tenant.refuse(PATH, 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")
    found = gather(source())
    assert found.outcomes["sign_in_logs"].status is Status.FAILED
    assert "AuditLog.Read.All" in found.reason("sign_in_logs")
    assert not [file for file in found.evidence.log_files() if file.lost]


def test_nothing_is_asked_where_files_are_named_or_it_is_switched_off(tenant, source, gather):
    gather(source(sign_ins="false"))
    assert not [path for _, path in tenant.requests if path == PATH]


def test_doctor_marks_it_as_small(tenant, source):
    checks = CONNECTOR.examine(source(), WINDOW)
    assert any(one.subject == "sign_in_logs" and "small tenants" in one.detail for one in checks)
