"""A difference is told so that each change can be found, also where many accounts hold the same names."""

from reports.document import DriftChange
from reports.drift_text import Difference, sentences, text


def change(account):
    return DriftChange(
        kind="stopped_using",
        provider="aws",
        account=account,
        identity=f"arn:aws:iam::{account}:role/deploy",
        name="deploy",
        subject="",
        message="deploy no longer uses 1 permission",
        attention=False,
        permissions=["iam:PassRole"],
        permissions_total=1,
    )


def test_changes_of_several_accounts_name_theirs():
    one, two = change("111122223333"), change("444455556666")
    assert sentences([one], [one]) == ["deploy no longer uses 1 permission: iam:PassRole"]
    assert sentences([one], [one, two]) == ["111122223333: deploy no longer uses 1 permission: iam:PassRole"]
    told = text(Difference(old="a", new="b", changes=[one, two], findings_new=[], findings_gone=[], notes=[]))
    assert "  111122223333: deploy no longer uses" in told
    assert "  444455556666: deploy no longer uses" in told
