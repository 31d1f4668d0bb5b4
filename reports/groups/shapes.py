"""Write names and texts of an identity without what differs from account to account.

Nothing here knows a cloud: an account's own id becomes `{account}`, what a tool made up at the end of a name
(CloudFormation, the consoles, Terraform's `name_prefix`) becomes `{…}`, and the ids of the identity itself
and of its credentials go too. Identities of several accounts that then read alike were written by one hand.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from reports.document import IdentityEntry

ACCOUNT = "{account}"
MADE_UP = "{…}"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ENDING = re.compile(
    r"(?<=[-_])(?:"
    r"\d{8}T\d{6}"  # a console's time
    r"|\d{14,32}"  # Terraform's name_prefix
    r"|(?=[A-Z0-9]*[0-9])(?=[A-Z0-9]*[A-Z])[A-Z0-9]{8,16}"  # CloudFormation, the Bedrock console
    r"|(?=\w*[0-9])(?=\w*[a-z])(?=\w*[A-Z])[A-Za-z0-9]{10,16}"  # newer CloudFormation
    r"|(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,40}"  # hexadecimal
    r")$"
)
_NUMBER = re.compile(r"(?<![A-Za-z0-9])\d{10,21}(?![A-Za-z0-9])")
_SHORTEST_ID = 12


@dataclass(frozen=True, slots=True)
class Shapes:
    """How the texts of one identity read without what is its account's own."""

    id: str
    account: str
    own: tuple[tuple[str, str], ...]
    """What stands for the identity's own ids, and those of its credentials and grants."""

    @classmethod
    def of(cls, entry: IdentityEntry) -> "Shapes":
        """Return the shapes of an identity's texts."""
        own = [(entry.immutable_id, "{id}"), (entry.name, named(entry.name))]
        own += [(held.id, f"{{{held.kind}}}") for held in entry.credentials if len(held.id) >= _SHORTEST_ID]
        own += [(grant.name, named(grant.name)) for grant in entry.grants]
        for grant in entry.grants:
            for found in _UUID.findall(f"{grant.id} {grant.source}"):
                own.append((found, f"{{{grant.name} on {_accountless(grant.scope, entry.account)}}}"))
        longest_first = sorted(dict(own).items(), key=lambda pair: (-len(pair[0]), pair))
        return cls(
            entry.id, entry.account, tuple((old, new) for old, new in longest_first if old and old != new)
        )

    def text(self, text: str) -> str:
        """Return a text of the identity's (a scope, a subject, a document) as it reads in every account."""
        return self._accountless(text.replace(self.id, "{identity}") if self.id else text)

    def _accountless(self, text: str) -> str:
        for old, new in self.own:
            if old in text and old != self.account:
                text = text.replace(old, new)
        return _accountless(text, self.account)

    def identity(self, text: str) -> str:
        """Return an id or a name as `text` does, and without long numbers: projects have one too."""
        return _NUMBER.sub("{number}", _UUID.sub(MADE_UP, self._accountless(text)))


@lru_cache(maxsize=4096)
def named(name: str) -> str:
    """Return a name without what a tool made up at its end."""
    return _ENDING.sub(MADE_UP, _UUID.sub(MADE_UP, name))


def _accountless(text: str, account: str) -> str:
    return _standing(account).sub(ACCOUNT, text) if account and account in text else text


@lru_cache(maxsize=2048)
def _standing(account: str) -> re.Pattern[str]:
    """Match an account's id where it is no part of a longer word; a number may stand behind a hyphen."""
    beside = "A-Za-z0-9" if account.isdigit() or _UUID.fullmatch(account) else r"\w-"
    return re.compile(rf"(?<![{beside}]){re.escape(account)}(?![{beside}])")
