"""Verify a signature over a baseline file with the tool that made its kind, or say why that was not done."""

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scanner.errors import ConfigError

NAMESPACE = "entdrift-baseline"
"""Namespace of SSH signatures: `ssh-keygen -Y sign -n entdrift-baseline -f KEY FILE`."""
_SSH = "-----BEGIN SSH SIGNATURE-----"
_LARGEST_BYTES = 200_000
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Signature:
    """What is recorded of a signature: its kind, its text, and whether it was verified, in words."""

    kind: str
    text: str
    verified: bool
    words: str

    def record(self) -> str:
        """Return the signature as it is written into the chain of approvals."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        found = {
            "kind": self.kind,
            "sha256": digest,
            "text": self.text,
            "verified": self.verified,
            "words": self.words,
        }
        return json.dumps(found, sort_keys=True, ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count: an allowed-signers file for SSH, an issuer for sigstore certificates."""

    signers: Path | None = None
    issuer: str = ""


def words_of(record: str) -> str:
    """Return what a recorded signature was found to be; empty when there was none."""
    try:
        return str(json.loads(record)["words"]) if record else ""
    except (ValueError, KeyError, TypeError):
        return "the record of its signature cannot be read"


def examine(path: Path, signature: Path, who: str, trust: Trust) -> Signature:
    """Return a signature over a file as it is to be recorded.

    Raises ConfigError for a signature that does not fit the file or the signer, or is of no known kind.
    """
    text = _text(signature)
    if text.lstrip().startswith(_SSH):
        return _ssh(path, signature, text, who, trust)
    if _is_bundle(text):
        return _sigstore(path, signature, text, who, trust)
    raise ConfigError(
        f"{signature}: is neither an SSH signature nor a sigstore bundle",
        hint=f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY {path}, or cosign sign-blob --bundle FILE {path}",
    )


def _ssh(path: Path, signature: Path, text: str, who: str, trust: Trust) -> Signature:
    if trust.signers is None:
        return Signature(
            "ssh",
            text,
            verified=False,
            words="SSH signature recorded, not verified: no --signers file was named",
        )
    tool = shutil.which("ssh-keygen")
    if tool is None:
        return Signature(
            "ssh", text, verified=False, words="SSH signature recorded, not verified: no ssh-keygen here"
        )
    if not trust.signers.is_file():
        raise ConfigError(
            f"{trust.signers}: no such file", hint="--signers takes a file as for ssh-keygen -Y verify"
        )
    command = [
        tool,
        "-Y",
        "verify",
        "-f",
        str(trust.signers),
        "-I",
        who,
        "-n",
        NAMESPACE,
        "-s",
        str(signature),
    ]
    answer = _run(command, path.read_bytes())
    if answer.returncode:
        raise ConfigError(
            f"{signature}: is not a signature of {who} over {path}: {_said(answer)}",
            hint="nothing was recorded; sign the file as it is now, with a key of the --signers file",
        )
    return Signature("ssh", text, verified=True, words=f"SSH signature of {who} verified")


def _sigstore(path: Path, signature: Path, text: str, who: str, trust: Trust) -> Signature:
    tool = shutil.which("cosign")
    if tool is None or not trust.issuer:
        why = "no cosign here" if tool is None else "no --issuer was named"
        return Signature(
            "sigstore", text, verified=False, words=f"sigstore bundle recorded, not verified: {why}"
        )
    command = [
        tool,
        "verify-blob",
        "--bundle",
        str(signature),
        "--certificate-identity",
        who,
        "--certificate-oidc-issuer",
        trust.issuer,
        str(path),
    ]
    answer = _run(command, b"")
    if answer.returncode:
        raise ConfigError(
            f"{signature}: is not a signature of {who} over {path}: {_said(answer)}",
            hint="nothing was recorded",
        )
    return Signature("sigstore", text, verified=True, words=f"sigstore signature of {who} verified")


def _run(command: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=data, capture_output=True, check=False, timeout=_SECONDS)  # noqa: S603 a fixed tool, arguments as a list
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{command[0]}: gave no answer in {_SECONDS} seconds") from error


def _said(answer: subprocess.CompletedProcess[bytes]) -> str:
    lines = (answer.stderr or answer.stdout).decode("utf-8", "replace").strip().splitlines()
    return re.sub(r"\s+", " ", lines[-1])[:300] if lines else f"exit code {answer.returncode}"


def _is_bundle(text: str) -> bool:
    try:
        document = json.loads(text)
    except ValueError:
        return False
    return isinstance(document, dict) and ("mediaType" in document or "base64Signature" in document)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigError(f"{path}: is too large for a signature")
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: is no text", hint="give the armored signature or the JSON bundle"
        ) from error
