"""List what runs AI workloads in every region: agents, runtimes, notebooks, functions, tasks, instances."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from connectors.aws.identities.inventory_kinds import ResourceKind, resource_kinds
from connectors.aws.identities.paths import kept, values_at
from connectors.aws.live.calls import Calls
from connectors.aws.live.gathering import Finds, Found
from connectors.live.failures import CallError

_THREADS = 8


def ai_inventory(calls: Calls, regions: Sequence[str], start: datetime) -> Finds:
    """Yield the resources of every kind in every region, thinned to the fields the table names.

    A service without an endpoint in a region has nothing there. Jobs from before the window are left out.
    """
    services = list(dict.fromkeys(kind.service for kind in resource_kinds()))
    tasks = [
        (service, region) for region in regions for service in services if _offered(calls, service, region)
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        for finds in pool.map(lambda task: _service(calls, task[0], task[1], start), tasks):
            yield from finds


def _offered(calls: Calls, service: str, region: str) -> bool:
    """Tell whether a service may have an endpoint in a region; the newest have no list in botocore."""
    if calls.session.settings.endpoint_url:
        return True
    known = calls.session.boto.get_available_regions(service, _partition(calls, region))
    return not known or region in known


def _partition(calls: Calls, region: str) -> str:
    try:
        return str(calls.session.boto.get_partition_for_region(region))
    except Exception:  # noqa: BLE001 botocore raises different errors for names it does not know
        return "aws"


def _service(calls: Calls, service: str, region: str, start: datetime) -> list[Found | CallError]:
    finds: list[Found | CallError] = []
    parents: dict[str, list[Any]] = {}
    for kind in resource_kinds():
        if kind.service != service:
            continue
        held = parents.setdefault(kind.kind, [])
        for given in _given(kind, parents):
            for found in _listed(calls, kind, region, given, start):
                if isinstance(found, CallError):
                    finds.append(found)
                    continue
                held.append(found)
                if isinstance(found, Mapping):
                    finds.append(
                        Found(
                            kind.kind,
                            f"{service}:{kind.describe or kind.list}",
                            _thin(found, kind),
                            calls.account,
                            region,
                        )
                    )
    return [
        one for one in finds if not (isinstance(one, CallError) and one.kind in ("no endpoint", "absent"))
    ]


def _given(kind: ResourceKind, parents: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of each list call: one call, or one for each parent."""
    if not kind.under:
        yield {}
        return
    for parent in parents.get(kind.under, ()):
        yield _parameters(kind.given or {}, parent)


def _parameters(wanted: Mapping[str, str], item: Any) -> dict[str, Any]:
    filled = {name: path[1:] if path.startswith("=") else _text(item, path) for name, path in wanted.items()}
    return {
        name.removesuffix("[]"): [value] if name.endswith("[]") else value for name, value in filled.items()
    }


def _text(item: Any, path: str) -> str:
    return str(next(values_at(item, path), ""))


def _listed(
    calls: Calls, kind: ResourceKind, region: str, given: Mapping[str, Any], start: datetime
) -> Iterator[Any]:
    """Yield the whole records of one list, described where the list says too little."""
    recent = {kind.recent: start} if kind.recent else {}
    try:
        for page in calls.pages(kind.service, kind.list, region=region, **given, **recent):
            for items in values_at(page, kind.items):
                for item in (items or [])[: 1 if calls.sample else None]:
                    yield _described(calls, kind, region, given, item)
    except CallError as error:
        yield error


def _described(calls: Calls, kind: ResourceKind, region: str, given: Mapping[str, Any], item: Any) -> Any:
    if not kind.describe:
        return item if isinstance(item, str) else {**given, **item}
    wanted = {**given, **_parameters(kind.ids or {}, item)}
    try:
        answer = calls.one(kind.service, kind.describe, region=region, **wanted)
    except CallError as error:
        return error
    found = next(values_at(answer, kind.record), None)
    whole = found if isinstance(found, Mapping) else {}
    return {**given, **(item if isinstance(item, Mapping) else {}), **whole}


def _thin(record: Mapping[str, Any], kind: ResourceKind) -> dict[str, Any]:
    """Return the fields the table keeps; of environment variables only the names."""
    thin = kept(record, kind.stored)
    for name in ("environmentVariables",):
        if isinstance(thin.get(name), Mapping):
            thin[name] = sorted(map(str, thin[name]))
    if kind.env:
        names: set[str] = set()
        for held in values_at(record, kind.env):
            names |= set(map(str, held)) if isinstance(held, Mapping) else {str(held)}
        thin["environmentVariables"] = sorted(names)
    return thin
