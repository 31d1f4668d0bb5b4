// What a reduction takes away, permission by permission: worked out from what is unused and what stays of it.

// Beyond this many changed lines a table helps nobody; the list can still be copied.
const MOST_REMOVED_LINES = 2_000;

// Return the names that go, or null where they cannot be told for certain from the report.
function removedNames(model, identity) {
  const { reduction } = identity.entry;
  const services = new Set();
  const names = new Set();
  for (const row of reduction.stays ?? []) {
    for (const service of row.services) services.add(service);
    for (const permission of namesOf(model, row)) names.add(permission);
  }
  const removed = servicesOf(model, identity)
    .filter(({ service }) => !services.has(service))
    .flatMap(({ lists }) => lists.unused.filter((permission) => !names.has(permission)));
  return removed.length && removed.length === reduction.removes ? removed.sort() : null;
}

// Before and after, as every cloud can show it: a role that is replaced has no document of its own to compare.
function permissionsCompared(model, identity) {
  const removed = removedNames(model, identity);
  if (!removed) return null;
  const copies = [
    copyButton(`Copy the ${count(removed.length, "permission")} that go`, () => removed.join("\n") + "\n"),
  ];
  if (removed.length > MOST_REMOVED_LINES) return el("p", {}, copies);
  return lazyFold(
    `Permission by permission: ${num(removed.length)} go`,
    () => [el("p", {}, copies), comparisonTable(removedRows(model, identity, new Set(removed)), "permissions")],
    "artifact",
  );
}

function removedRows(model, identity, removed) {
  const without = new Set(identity.entry.not_granted ?? []);
  const held = servicesOf(model, identity)
    .flatMap(({ lists }) => VERDICTS.flatMap((verdict) => lists[verdict]))
    .filter((permission) => !without.has(permission))
    .sort();
  return held.map((permission) =>
    removed.has(permission)
      ? { left: permission, right: null, changed: true }
      : { left: permission, right: permission },
  );
}
