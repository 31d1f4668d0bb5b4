// The query language of the search box: `sev:high,critical -stage:pilot unused:>50 "two words"`.
// A finding passes when it and its identity pass; an identity passes when it and, if the query speaks
// about findings, one of its findings pass.

const exact = (read) => (thing, value) => read(thing).some((text) => text.toLowerCase() === value);
const within = (read) => (thing, value) => read(thing).some((text) => text.toLowerCase().includes(value));
const prefix = (read) => (thing, value) => read(thing).some((text) => text.toLowerCase().startsWith(value));
const yesNo = (read) => (thing, value) => read(thing) === ["yes", "true", "1"].includes(value);

// Compare a count, or with % its share of what is granted: `>50`, `<=3`, `>=50%`, `0`.
const amount = (read) => (thing, value) => {
  const match = /^(>=|<=|>|<|=)?(\d+(?:\.\d+)?)(%?)$/.exec(value);
  if (!match) return false;
  const entry = thing.entry;
  const have = match[3]
    ? entry.permissions.granted
      ? (100 * read(entry)) / entry.permissions.granted
      : 0
    : read(entry);
  const want = Number(match[2]);
  switch (match[1]) {
    case ">=":
      return have >= want;
    case "<=":
      return have <= want;
    case ">":
      return have > want;
    case "<":
      return have < want;
    default:
      return have === want;
  }
};

// Which shared permission sets hold a matching name: looked up once per search, not once per identity.
const heldBy = new Map();
function setsHolding(value) {
  if (!heldBy.has(value)) {
    const holding = Object.entries(MODEL.doc.permission_sets).filter(([, permissions]) =>
      permissions.some((permission) => permission.toLowerCase().includes(value)),
    );
    heldBy.set(value, new Set(holding.map(([id]) => id)));
  }
  return heldBy.get(value);
}

const IDENTITY_KEYS = {
  __proto__: null,
  cloud: exact(({ entry }) => [entry.provider]),
  account: within(({ entry }) => [entry.account]),
  stage: exact(({ entry }) => [entry.stage || "none"]),
  kind: within(({ entry }) => [entry.kind]),
  source: within(({ entry }) => [entry.source]),
  owner: (identity, value) =>
    value === "none" ? !identity.entry.owner : identity.entry.owner.toLowerCase().includes(value),
  name: within(({ entry }) => [entry.name, entry.id]),
  workload: within(({ entry }) =>
    entry.workloads.flatMap((workload) => [workload.kind, workload.name, workload.id]),
  ),
  ai: yesNo(({ entry }) => entry.ai_workload.is_ai),
  admin: yesNo(({ entry }) => adminGrants(entry).length > 0),
  key: (identity, value) =>
    value === "static"
      ? longLivedKeys(identity.entry).length > 0
      : value === "none"
        ? identity.entry.credentials.length === 0
        : identity.entry.credentials.some((credential) => credential.id.toLowerCase().includes(value)),
  reduction: exact(({ entry }) => [entry.reduction.disposition]),
  verdict: (identity, value) =>
    (identity.entry.permissions[value === "not-observable" ? "unobservable" : value] ?? 0) > 0,
  service: exact(({ entry }) => entry.services.map((service) => service.service)),
  perm: (identity, value) => {
    const shared = setsHolding(value);
    return identity.entry.services.some((service) =>
      VERDICTS.some(
        (verdict) =>
          shared.has(service.sets?.[verdict]) ||
          service[verdict]?.some((permission) => permission.toLowerCase().includes(value)),
      ),
    );
  },
  reach: (identity, value) => (identity.entry.reach[value]?.granted ?? 0) > 0,
  granted: amount((entry) => entry.permissions.granted),
  used: amount((entry) => entry.permissions.used),
  denied: amount((entry) => entry.permissions.denied),
  unused: amount((entry) => entry.permissions.unused),
  unobservable: amount((entry) => entry.permissions.unobservable),
  conditional: amount((entry) => entry.permissions.conditional),
  removes: amount((entry) => entry.reduction.removes),
};

const FINDING_KEYS = {
  __proto__: null,
  sev: exact(({ entry }) => [entry.severity]),
  conf: exact(({ entry }) => [entry.confidence]),
  rule: prefix(({ entry }) => [entry.rule, entry.title]),
  status: exact(({ entry }) => [entry.status]),
  fw: within(({ entry }) =>
    entry.frameworks.map(
      (reference) => `${reference.framework} ${reference.version} ${reference.control} ${reference.name}`,
    ),
  ),
  subject: within(({ entry }) => [entry.subject]),
  id: prefix((finding) => [fingerprintOf(MODEL, finding)]),
};

const ALIASES = {
  __proto__: null,
  severity: "sev",
  provider: "cloud",
  confidence: "conf",
  permission: "perm",
  framework: "fw",
};

// Cut a query into {key, values, negated} terms; text without a known key is a text term (key "").
function parseQuery(text) {
  const terms = [];
  const unknown = [];
  // key:"quoted value" | key:value | "quoted text" | text, each with a leading - or ! for "not".
  const pattern = /([-!]?)(?:([A-Za-z]+):)?(?:"((?:[^"\\]|\\.)*)"?|(\S+))/gu;
  for (const match of text.matchAll(pattern)) {
    const [, not, written, quoted, bare] = match;
    const key = written ? (ALIASES[written.toLowerCase()] ?? written.toLowerCase()) : "";
    const known = key in IDENTITY_KEYS || key in FINDING_KEYS;
    const value = quoted !== undefined ? quoted.replace(/\\(.)/gu, "$1") : bare;
    if (key && !known) unknown.push(written);
    const values = (known && quoted === undefined ? value.split(",") : [value]).filter(Boolean);
    if (!values.length) continue;
    const wanted = known ? values : [written ? `${written}:${value}` : value];
    terms.push({
      key: known ? key : "",
      values: wanted.map((one) => one.toLowerCase()),
      raw: wanted,
      negated: not !== "",
    });
  }
  return { terms, unknown };
}

function writeTerm(term) {
  const value = term.raw.map((one) => one).join(",");
  const quote = term.raw.length === 1 && /[\s",:!\\-]/u.test(value);
  const shown = quote ? `"${value.replace(/(["\\])/gu, "\\$1")}"` : value;
  return (term.negated ? "-" : "") + (term.key ? term.key + ":" : "") + shown;
}

// Return the query with the terms of one key replaced; an empty value removes them.
function withTerm(text, key, value) {
  const terms = parseQuery(text).terms.filter((term) => term.key !== key);
  if (value) terms.push({ key, raw: [value], negated: false });
  return terms.map(writeTerm).join(" ");
}

// The single value a query asks of a key, or "" (none), or null (several or negated).
function termValue(terms, key) {
  const mine = terms.filter((term) => term.key === key);
  if (!mine.length) return "";
  return mine.length === 1 && !mine[0].negated && mine[0].values.length === 1 ? mine[0].values[0] : null;
}

function identityText(identity) {
  const { entry } = identity;
  identity.text ??= [
    entry.id,
    entry.name,
    entry.account,
    entry.kind,
    entry.owner,
    entry.stage,
    entry.source,
    ...entry.workloads.flatMap((workload) => [workload.kind, workload.name, workload.id]),
    ...entry.trusted,
  ]
    .join("\n")
    .toLowerCase();
  return identity.text;
}

function findingText(finding) {
  const { entry } = finding;
  finding.text ??= [entry.rule, entry.title, entry.identity, entry.subject, entry.message, entry.account]
    .join("\n")
    .toLowerCase();
  return finding.text;
}

function termHolds(term, keys, thing) {
  return term.values.some((value) => keys[term.key](thing, value)) !== term.negated;
}

function textHolds(terms, read) {
  return terms.every((term) => read.some((text) => text.includes(term.values[0])) !== term.negated);
}

// Apply a query: {findings, identities, unknown}. Identities are judged once, not once per finding.
function applyQuery(model, text) {
  const { terms, unknown } = parseQuery(text);
  const aboutIdentity = terms.filter((term) => term.key in IDENTITY_KEYS);
  const aboutFinding = terms.filter((term) => term.key in FINDING_KEYS);
  const words = terms.filter((term) => term.key === "");
  const fits = model.identities.map((identity) =>
    aboutIdentity.every((term) => termHolds(term, IDENTITY_KEYS, identity)),
  );
  const findings = model.findings.filter((finding) => {
    if (finding.identity ? !fits[finding.identity.index] : aboutIdentity.length) return false;
    if (!aboutFinding.every((term) => termHolds(term, FINDING_KEYS, finding))) return false;
    return textHolds(
      words,
      finding.identity ? [findingText(finding), identityText(finding.identity)] : [findingText(finding)],
    );
  });
  const withFinding = new Set(aboutFinding.length ? findings.map((finding) => finding.identity) : []);
  const identities = model.identities.filter(
    (identity) =>
      fits[identity.index] &&
      (aboutFinding.length ? withFinding.has(identity) : textHolds(words, [identityText(identity)])),
  );
  return { findings, identities, unknown, terms };
}
