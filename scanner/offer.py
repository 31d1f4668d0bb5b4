"""Print one reduction of a report in the form it is to be applied in, with its claims."""

import json
from collections.abc import Sequence

import msgspec

from connectors.reduction import Document
from connectors.registry import connector
from reports.document import Artifact, IdentityEntry, Reduction, Report
from reports.on_demand import with_scripts
from scanner.errors import ConfigError
from scanner.proof import changes_of, documents

FORMS = ("json", "terraform", "cli", "cloudformation", "bicep", "rollback", "break-glass", "alternative")
CLAIMS = ("replay", "containment", "limits", "backtest", "restore")


def offer(entry: IdentityEntry, form: str, until: str = "") -> str:
    """Return what `reduce` prints on standard output.

    `json` holds everything: claims, steps, documents. In the others claims are comments, except in
    CloudFormation and break-glass documents, which have none and stay valid JSON. Raises ConfigError where
    nothing can be written in that form.
    """
    reduction = entry.reduction
    if form == "json":
        return _as_json(entry)
    if not reduction.changes:
        raise ConfigError(
            f"{entry.name}: no replacement is offered: {reduction.reason}", hint=_hint(reduction)
        )
    if form == "alternative":
        return _alternatives(entry)
    try:
        documents = connector(entry.provider).render(changes_of(reduction), form, until)
    except KeyError as error:
        raise ConfigError(
            f"{entry.name}: {entry.provider} has no form {form}", hint="try --form cli or --form terraform"
        ) from error
    if not documents:
        hint = "--form rollback prints the way back" if form == "break-glass" else "try --form json"
        raise ConfigError(f"{entry.name}: there is nothing to write as {form}", hint=hint)
    if form in ("cloudformation", "break-glass"):
        return "".join(document.content for document in documents)
    mark = "//" if form == "bicep" else "#"
    return "\n".join([*_comments(entry, mark), "", *_bodies(documents, mark)])


def whole(report: Report) -> Report:
    """Return a report that was read with the scripts that a very large report.json leaves out."""
    return with_scripts(report, _scripts)


def _scripts(entry: IdentityEntry, form: str) -> list[Artifact]:
    return documents(connector(entry.provider).render(changes_of(entry.reduction), form))


def _alternatives(entry: IdentityEntry) -> str:
    """Return the nearest ready-made roles, which the claims say nothing about, each with its excess."""
    found = [
        {"name": one.name, "applies_to": one.applies_to, "document": _document(one.content)}
        for one in entry.reduction.artifacts
        if one.form == "alternative"
    ]
    if not found:
        raise ConfigError(f"{entry.name}: no ready-made roles come near what is kept", hint="try --form json")
    return json.dumps(found, indent=2) + "\n"


def claim_lines(reduction: Reduction) -> list[str]:
    """Return the disposition and the five claims, one line each."""
    lines = [f"{reduction.disposition}: {reduction.reason}"]
    for name in CLAIMS:
        claim = getattr(reduction.proof, name)
        refused = getattr(claim, "refused", ())
        said = [
            _tested(name, claim),
            claim.reason,
            getattr(claim, "witness", ""),
            *(refused[:3] if isinstance(refused, list) else ()),
        ]
        detail = "; ".join(part for part in said if part)
        lines.append(f"{name}: {claim.status}" + (f" ({detail})" if detail else ""))
    return lines


def _tested(name: str, claim: object) -> str:
    """Say how much a claim was held against: a cut that no call met since was not put to the test."""
    requests, days = getattr(claim, "requests", 0), getattr(claim, "days", 0)
    if name == "backtest" and days:
        met = f"{requests:,} calls since" if requests else "no call since, so none was tested"
        return f"cut {days:,} days earlier: {met}"
    return f"{requests:,} recorded requests" if requests else ""


def _as_json(entry: IdentityEntry) -> str:
    reduction = entry.reduction
    held = msgspec.to_builtins(reduction)
    documents = [
        {"name": one.name, "applies_to": one.applies_to, "document": _document(one.content)}
        for one in reduction.artifacts
        if one.form == "json"
    ]
    shown = {key: held[key] for key in held if key not in ("artifacts", "rollback", "changes")}
    changes = [
        {"kind": one.kind, "holder": one.holder, "target": one.target, "note": one.note}
        for one in reduction.changes
    ]
    body = {
        "identity": entry.id,
        "provider": entry.provider,
        **shown,
        "changes": changes,
        "documents": documents,
    }
    return json.dumps(body, indent=2) + "\n"


def _document(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _comments(entry: IdentityEntry, mark: str) -> list[str]:
    """Return the claims as comments; JSON escapes keep each on its line, quotes stay as they are."""
    lines = [f"reduction of {entry.id}", *claim_lines(entry.reduction)]
    lines += [f"note: {note}" for note in entry.reduction.notes]
    return [f"{mark} {json.dumps(line)[1:-1]}".replace('\\"', '"') for line in lines]


def _bodies(documents: Sequence[Document], mark: str) -> list[str]:
    """Return scripts as they are, and documents beside a script as comments that carry name and digest.

    Several files of one form stand one after the other, each below its name.
    """
    scripts = [document for document in documents if document.form != "json"]
    bodies = []
    for document in documents:
        if document.form == "json":
            bodies.append(f"{mark} {json.dumps(document.name)[1:-1]}")
        else:
            if len(scripts) > 1:
                bodies.append(f"{mark} file {json.dumps(document.name)[1:-1]}")
            bodies.append(document.content)
    return bodies


def _hint(reduction: Reduction) -> str:
    if reduction.disposition == "review":
        return "this version writes no replacements for this cloud; --form json prints what could go"
    return "--form json prints the claims and what stays"
