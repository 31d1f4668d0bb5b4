// The report as read from the page, with the look-ups that the views share.

// Read the data island. Above a few hundred kilobytes it is gzip in base64.
async function readIsland() {
  const island = document.getElementById("report-data");
  const text = island.textContent;
  if (island.dataset.encoding !== "gzip+base64") return JSON.parse(text);
  if (typeof DecompressionStream === "undefined") {
    throw new Error(
      "this browser cannot unpack the data (DecompressionStream is missing); report.json holds the same",
    );
  }
  const letters = atob(text);
  const packed = new Uint8Array(letters.length);
  for (let at = 0; at < packed.length; at += 1) packed[at] = letters.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// Put the findings back together from their columns, with shared framework references.
function readFindings(doc) {
  const columns = Object.entries(doc.finding_columns);
  return doc.finding_columns.rule.map((_, row) => {
    const entry = {};
    for (const [key, values] of columns) entry[key] = values[row];
    entry.frameworks = doc.framework_sets[entry.frameworks];
    return entry;
  });
}

// Fingerprints are packed as 32 bytes each and written as 64 hexadecimal digits when one is asked for.
function fingerprintOf(model, { entry, index }) {
  if (entry.fingerprint !== undefined) return entry.fingerprint;
  model.fingerprints ??= atob(model.doc.finding_fingerprints);
  const bytes = model.fingerprints.slice(32 * index, 32 * index + 32);
  entry.fingerprint = Array.from(bytes, (letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join(
    "",
  );
  return entry.fingerprint;
}

// Put back the lists and rows that a large report writes once for many identities.
function readIdentities(doc) {
  for (const entry of doc.identities) {
    const services = entry.services_shared.map((id) => doc.service_rows[id]);
    entry.services = [...entry.services, ...services].sort((left, right) =>
      left.service < right.service ? -1 : 1,
    );
    const reasons = entry.reasons_shared.map((id) => doc.reason_rows[id]);
    entry.reasons = [...entry.reasons, ...reasons];
  }
}

function identityKey(provider, account, id) {
  return `${provider}\n${account}\n${id}`;
}

// Wrap the document: every identity with its findings, every finding with its identity.
function buildModel(doc) {
  doc.findings = readFindings(doc);
  readIdentities(doc);
  const model = { doc, identities: [], findings: [], byKey: new Map(), byId: new Map() };
  doc.identities.forEach((entry, index) => {
    const wrapped = { entry, index, findings: [], lists: null };
    model.identities.push(wrapped);
    model.byKey.set(identityKey(entry.provider, entry.account, entry.id), wrapped);
    // A finding may stand in another account than its identity; ids alone are the second choice.
    model.byId.set(`${entry.provider}\n${entry.id}`, wrapped);
  });
  doc.findings.forEach((entry, index) => {
    const identity =
      model.byKey.get(identityKey(entry.provider, entry.account, entry.identity)) ??
      model.byId.get(`${entry.provider}\n${entry.identity}`) ??
      null;
    const wrapped = { entry, index, identity };
    model.findings.push(wrapped);
    if (identity) identity.findings.push(wrapped);
  });
  return model;
}

const OPEN = new Set(["open", "regressed"]);
function isOpen(finding) {
  return OPEN.has(finding.entry.status);
}

// Number of the worst open severity (0 is critical), or 9 when nothing is open.
function worst(identity) {
  if (identity.worst === undefined) {
    const ranks = identity.findings
      .filter(isOpen)
      .map((finding) => SEVERITIES.indexOf(finding.entry.severity));
    identity.worst = ranks.length ? Math.min(...ranks) : 9;
  }
  return identity.worst;
}

// The names of one service by verdict, with the shared sets written out: {used: [...], …}.
function serviceLists(model, service) {
  const lists = {};
  for (const verdict of VERDICTS) {
    const shared = model.doc.permission_sets[service.sets?.[verdict]] ?? [];
    const own = service[verdict] ?? [];
    lists[verdict] = shared.length && own.length ? [...shared, ...own].sort() : shared.length ? shared : own;
  }
  return lists;
}

// The names that a reason or a kept permission lists, with the shared ones.
function namesOf(model, row) {
  const shared = model.doc.permission_sets[row.set] ?? [];
  return shared.length ? [...row.permissions, ...shared] : row.permissions;
}

// All services of an identity as {service, granted, lists, counts}, most granted first; made once.
function servicesOf(model, identity) {
  identity.lists ??= identity.entry.services
    .map((service) => {
      const lists = serviceLists(model, service);
      const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, lists[verdict].length]));
      return { service: service.service, granted: service.granted, lists, counts };
    })
    .sort((left, right) => right.granted - left.granted || (left.service < right.service ? -1 : 1));
  return identity.lists;
}

// Find why a permission has its verdict: a reason that names it, else one that holds for its service.
function reasonFinder(model, identity) {
  const named = new Map();
  const whole = new Map();
  for (const reason of identity.entry.reasons) {
    for (const permission of namesOf(model, reason)) {
      const key = `${reason.verdict}\n${permission}`;
      if (!named.has(key)) named.set(key, reason);
    }
    for (const service of reason.services) {
      const key = `${reason.verdict}\n${service}`;
      if (!whole.has(key)) whole.set(key, reason);
    }
  }
  return (verdict, permission, service) =>
    named.get(`${verdict}\n${permission}`) ?? whole.get(`${verdict}\n${service}`) ?? null;
}

// Usage summed per permission: {permission, count, denied, first, last, rows}, most recent first.
function usageByPermission(identity) {
  const found = new Map();
  for (const row of identity.entry.usage) {
    const known = found.get(row.permission);
    if (!known) {
      found.set(row.permission, {
        permission: row.permission,
        count: row.count,
        denied: row.denied,
        first: row.first_seen,
        last: row.last_seen,
        rows: [row],
      });
      continue;
    }
    known.count += row.count;
    known.denied += row.denied;
    if (row.first_seen && (!known.first || row.first_seen < known.first)) known.first = row.first_seen;
    if (row.last_seen > known.last) known.last = row.last_seen;
    known.rows.push(row);
  }
  return [...found.values()].sort(
    (left, right) =>
      (left.last < right.last ? 1 : left.last > right.last ? -1 : 0) ||
      (left.permission < right.permission ? -1 : 1),
  );
}

function addCounts(total, counts) {
  for (const key of ["granted", ...VERDICTS, "not_granted"])
    total[key] = (total[key] || 0) + (counts[key] || 0);
  return total;
}

// Admin grants in force: a Deny that names everything is not one.
function adminGrants(entry) {
  return entry.grants.filter((grant) => grant.admin && grant.effect === "allow");
}

function longLivedKeys(entry) {
  return entry.credentials.filter((credential) => credential.long_lived && credential.status === "active");
}
