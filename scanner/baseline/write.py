"""Make the baseline files of a report's identities from what they hold and what was seen in use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.baselines import Allowance, Holding
from connectors.errors import EntdriftError
from reports.document import IdentityEntry, Verdict
from reports.overview import first_of
from scanner.baseline.evidence import Clouds, names
from scanner.baseline.files import file_name, hand_written
from scanner.baseline.model import Subject
from scanner.baseline.read import read
from scanner.baseline.render import Entry, generated_part, hand_part
from scanner.write import make_folder, write_whole

_USED: tuple[Verdict, ...] = ("used",)
_NOT_SEEN: tuple[Verdict, ...] = ("unobservable", "conditional")


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one identity's file."""

    path: Path
    changed: bool
    problem: str = ""
    notes: tuple[str, ...] = ()


def write_baselines(
    entries: Sequence[IdentityEntry], clouds: Clouds, folder: Path, basis: str
) -> Iterator[Written]:
    """Write a file for each identity; one that cannot be written is named and the others go on.

    `basis` is `used` (used, and what cannot be seen) or `granted`. What people wrote into a file stays.
    """
    make_folder(folder)
    present = _present(folder)
    for provider in sorted({entry.provider for entry in entries}):
        own = [entry for entry in entries if entry.provider == provider]
        for entry, found in _entries(own, clouds, basis):
            path = present.get((provider, entry.id)) or folder / file_name(subject_of(entry))
            yield _write(path, entry, clouds, basis, found)


def subject_of(entry: IdentityEntry) -> Subject:
    """Return whose baseline an identity's is."""
    return Subject(
        id=entry.id,
        provider=entry.provider,
        account=entry.account,
        kind=entry.kind,
        name=entry.name,
        stage=entry.stage,
        workloads=tuple(sorted(f"{load.kind} {load.name or load.id}" for load in entry.workloads)),
        trusted=tuple(sorted(entry.trusted)),
        credentials=tuple(sorted(one.id for one in entry.credentials if one.long_lived)),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """The entries of one identity, and what could not be read of it."""

    entries: tuple[Entry, ...]
    undecided: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """Wildcards whose operations the evidence does not list."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what a reviewer of the file has to know."""
        if not self.left_out:
            return self.undecided
        named, more = first_of(list(self.left_out), 3)
        words = f"left out, because the evidence does not list what they cover: {', '.join(named)}{more}"
        return (*self.undecided, words)


def _entries(
    own: Sequence[IdentityEntry], clouds: Clouds, basis: str
) -> Iterator[tuple[IdentityEntry, _Found]]:
    if not own:
        return
    provider = own[0].provider
    if basis == "granted":
        whole = clouds.held(provider)
        for entry in own:
            yield entry, _granted(whole.get(entry.id))
        return
    used = clouds.held(provider, _kept(own, clouds, _USED))
    unseen = clouds.held(provider, _kept(own, clouds, _NOT_SEEN))
    for entry in own:
        first, second = used.get(entry.id), unseen.get(entry.id)
        refusals = [a for a in first.allowances if a.refuse] if first else []
        yield (
            entry,
            _Found(
                entries=(
                    *(Entry(a, "refused") for a in refusals),
                    *(Entry(a, "used") for a in _allows(first)),
                    *(Entry(a, "not seen") for a in _allows(second)),
                ),
                undecided=first.undecided if first else (_NOTHING_READ,),
                left_out=tuple(sorted(name for name in names(entry, *_USED, *_NOT_SEEN) if "*" in name)),
            ),
        )


_NOTHING_READ = "the evidence holds no readable grants for it, so the file allows nothing"


def _granted(holding: Holding | None) -> _Found:
    if holding is None:
        return _Found((), (_NOTHING_READ,))
    own = tuple(Entry(a, "refused" if a.refuse else "granted") for a in holding.allowances)
    return _Found(own, holding.undecided)


def _allows(holding: Holding | None) -> list[Allowance]:
    return [a for a in holding.allowances if not a.refuse] if holding else []


def _kept(own: Sequence[IdentityEntry], clouds: Clouds, verdicts: Sequence[Verdict]) -> Mapping[str, int]:
    """Return the permissions to write; a wildcard whose operations nobody lists would approve anything."""
    permissions = clouds.facts(own[0].provider).permissions
    return {
        entry.id: permissions.mask(name for name in names(entry, *verdicts) if "*" not in name)
        for entry in own
    }


def _write(path: Path, entry: IdentityEntry, clouds: Clouds, basis: str, found: _Found) -> Written:
    subject = subject_of(entry)
    try:
        above = hand_written(path)
        if above is None:
            above = hand_part(subject, entry.owner, _reach(entry, clouds, basis), _admin(entry, basis))
        text = above + generated_part(subject, basis, _distinct(found.entries), found.left_out)
        data = text.encode("utf-8", "replace")
        if path.exists() and path.read_bytes() == data:
            return Written(path, changed=False, notes=found.notes)
        write_whole(path, data)
    except EntdriftError as error:
        return Written(path, changed=False, problem=f"{error} ({error.hint})" if error.hint else str(error))
    except OSError as error:
        return Written(path, changed=False, problem=f"{path}: {error.strerror or error}")
    return Written(path, changed=True, notes=found.notes)


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries without repeats; permissions in stable order."""
    found: dict[Entry, None] = {}
    for entry in entries:
        one = entry.allowance
        same = replace(
            one, permissions=tuple(sorted(set(one.permissions))), scopes=tuple(sorted(set(one.scopes)))
        )
        found[Entry(same, entry.basis)] = None
    return list(found)


def _reach(entry: IdentityEntry, clouds: Clouds, basis: str) -> list[str]:
    """Return the classes of reach that what stands in the file gives."""
    if basis == "granted":
        return sorted(name for name, reach in entry.reach.items() if reach.granted)
    facts = clouds.facts(entry.provider)
    kept = facts.permissions.mask(name for name in names(entry, *_USED, *_NOT_SEEN) if "*" not in name)
    return sorted(name for name, permissions in facts.reach.items() if permissions & kept)


def _admin(entry: IdentityEntry, basis: str) -> list[str]:
    if basis != "granted":
        return []
    return sorted({grant.name for grant in entry.grants if grant.admin and grant.effect == "allow"})


def _present(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the files of a folder by whose they are: a renamed file is written where it is."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.rglob("*.toml")):
        own = read(path).subject
        found.setdefault((own.provider, own.id), path)
    return found
