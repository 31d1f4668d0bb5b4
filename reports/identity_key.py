"""One short name for an identity that says nothing about it and is the same in every report."""

import hashlib


def identity_key(provider: str, account: str, identity: str) -> str:
    """Give the first 12 hexadecimal digits of a SHA-256 over the three parts and their lengths.

    It is part of the label that finds an identity's ticket again, so it must never change.
    """
    subject = "\n".join(f"{len(part)}:{part}" for part in ("ticket/1", provider, account, identity))
    return hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:12]
