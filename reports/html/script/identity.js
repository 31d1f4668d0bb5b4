// One identity: who it is, who may become it, what it holds beside what it used, and what to change.

const SECTIONS = [
  ["who", "Who it is", whoSection],
  ["permissions", "Granted beside used", permissionsSection],
  ["reach", "Reach", reachSection],
  ["findings", "Findings", identityFindingsSection],
  ["reduction", "Reduction", reductionSection],
  ["credentials", "Credentials", credentialsSection],
  ["grants", "Grants", grantsSection],
  ["usage", "Usage", usageSection],
  ["evidence", "Evidence", evidenceSection],
];

function showIdentity(model, identity, query) {
  const place = document.getElementById("identity-content");
  const { entry } = identity;
  const back = "#/identities" + writeQueryString({ q: query });
  place.replaceChildren(
    el("p", { class: "back" }, el("a", { href: back }, "All identities")),
    el("h1", { tabindex: "-1" }, name(entry.name || entry.id, { limit: 200 })),
    identityStanding(model, identity),
    el("nav", { class: "local", "aria-label": "Parts of this identity" }, el("ul", {}, SECTIONS.map(([id, title]) =>
      el("li", {}, el("a", { href: "#" + identityPath(identity) + writeQueryString({ q: query, at: id }) }, title))))),
    ...SECTIONS.map(([id, title, fill]) =>
      el("section", { id: `at-${id}`, "aria-labelledby": `head-${id}` },
        el("h2", { id: `head-${id}`, tabindex: "-1" }, title), fill(model, identity))));
}

function showNoIdentity(rest) {
  document.getElementById("identity-content").replaceChildren(
    el("p", { class: "back" }, el("a", { href: "#/identities" }, "All identities")),
    el("h1", { tabindex: "-1" }, "Not in this report"),
    el("p", {}, "This report holds no identity ", name(rest.at(-1) ?? ""), ". It may have been deleted, renamed or left out of the scan."));
}

// Every number of a view stands with its window.
function windowText({ doc }) {
  return `${num(Math.round(doc.window.days))} days, ${dayOf(doc.window.start)} to ${dayOf(doc.window.end)}`;
}

function basis(model, ...more) {
  return el("p", { class: "basis" }, windowText(model), ...more);
}

function identityStanding(model, { entry }) {
  const { permissions } = entry;
  return el("div", { class: "standing" },
    el("p", { class: "sentence" }, cloudWord(entry.provider), " ", name(entry.kind), " in ", name(entry.account),
      entry.stage ? [", stage ", name(entry.stage)] : "",
      ", granted ", el("b", {}, count(permissions.granted, "permission")), "."),
    el("p", { class: "pills" }, standingPills(entry)),
    verdictBar(permissions, { height: 18 }),
    verdictNumbers(permissions, { zero: true }),
    basis(model, " · calls seen ", entry.first_seen ? `${dayOf(entry.first_seen)} to ${dayOf(entry.last_seen)}` : "none",
      ` · ${percent(permissions.unobservable, permissions.granted)} of what is granted cannot be seen in the logs given`,
      permissions.not_granted ? ` · ${num(permissions.not_granted)} used or denied without a present grant` : ""));
}

// What a reviewer asks first, at a glance.
function standingPills(entry) {
  const keys = longLivedKeys(entry).length;
  return [
    entry.ai_workload.is_ai ? pill("AI workload") : pill("no AI sign", "pill-quiet"),
    entry.enabled ? null : pill("disabled", "pill-quiet"),
    adminGrants(entry).length ? pill("administrator grant", "pill-bad") : null,
    keys ? pill(count(keys, "long-lived key"), "pill-warn") : null,
    entry.owner ? null : pill("no owner", "pill-warn"),
    2 * entry.permissions.unobservable > entry.permissions.granted ? pill("mostly not observable", "pill-warn") : null,
    entry.reduction.disposition === "none" ? null : pill(`reduction ${DISPOSITION_WORDS[entry.reduction.disposition]}`, entry.reduction.disposition === "safe" ? "pill-good" : ""),
  ];
}

function whoSection(model, { entry }) {
  const { ai_workload: ai } = entry;
  return [
    facts([
      ["Identifier", el("span", {}, mono(entry.id), " ", copyButton("Copy", entry.id))],
      ["Owner", entry.owner ? wholeName(entry.owner) : none("no owner named")],
      ["Stage", entry.stage ? name(entry.stage) : none("not set")],
      ["Source", name(entry.source)],
      ["Created", entry.created ? minuteOf(entry.created) : none("unknown")],
      ["Runs as it", entry.workloads.length
        ? el("ul", { class: "names" }, entry.workloads.map((workload) => el("li", {}, name(workload.kind), " ", el("b", {}, wholeName(workload.name)), " ", mono(workload.id))))
        : none("no workload found in the evidence")],
    ]),
    el("h3", {}, ai.is_ai ? `AI workload: yes, ${plain(ai.confidence, 10)} confidence` : "AI workload: no sign of it"),
    ai.signals.length ? makeTable({
      caption: "Signals, strongest first",
      columns: [
        { key: "kind", label: "Signal", header: true, cell: (signal) => name(signal.kind) },
        { key: "value", label: "Value", cell: (signal) => mono(signal.value) },
        { key: "evidence", label: "Read from", cell: (signal) => wholeName(signal.evidence), class: "wide" },
      ],
      rows: ai.signals,
    }).node : el("p", {}, none("No signal in the evidence given.")),
  ];
}

function permissionsSection(model, identity) {
  const services = servicesOf(model, identity);
  if (!services.length) return el("p", {}, none("No permission could be read for this identity."));
  const reasonOf = reasonFinder(identity);
  const usage = new Map(usageByPermission(identity).map((row) => [row.permission, row]));
  return [
    basis(model, " · each bar is the whole of one service; parts below 1 % are drawn 1 % wide"),
    permissionSearch(services, reasonOf, usage),
    makeTable({
      class: "services",
      caption: "Services, most granted first",
      columns: [
        { key: "service", label: "Service", header: true, cell: (row) => name(row.service, { limit: 60, mono: true }), value: (row) => row.service },
        { key: "granted", label: "Granted", numeric: true, descending: true, cell: (row) => num(row.granted), value: (row) => row.granted },
        { key: "bar", label: "Used, denied, unused, not observable, conditional", class: "picture", cell: (row) => [verdictBar(row.counts), verdictNumbers(row.counts)] },
        { key: "used", label: "Share used", numeric: true, descending: true, cell: (row) => percent(row.counts.used, row.granted), value: (row) => (row.granted ? row.counts.used / row.granted : 0) },
      ],
      rows: services,
      expand: (row) => permissionLists(row, reasonOf, usage),
      expandLabel: (row) => `Permissions of ${plain(row.service, 40)}`,
    }).node,
  ];
}

// Group one service's names by verdict and by the reason of the verdict.
function permissionLists(row, reasonOf, usage) {
  return VERDICTS.filter((verdict) => row.lists[verdict].length).map((verdict) => {
    const groups = new Map();
    for (const permission of row.lists[verdict]) {
      const reason = reasonOf(verdict, permission, row.service);
      if (!groups.has(reason)) groups.set(reason, []);
      groups.get(reason).push(permission);
    }
    return [...groups].map(([reason, names]) => el("div", { class: "permission-group" },
      el("h3", {}, swatch(verdict), ` ${num(names.length)} ${VERDICT_WORDS[verdict]}`),
      reason ? reasonText(reason) : null,
      permissionNames(names, usage)));
  });
}

function reasonText(reason) {
  return el("p", { class: "reason" }, wholeName(reason.reason, { limit: 500 }),
    reason.fix ? [" ", el("b", {}, "What would show it:"), " ", wholeName(reason.fix, { limit: 500 })] : "",
    " ", el("code", {}, name(reason.code, { limit: 60 })));
}

const NAMES_AT_ONCE = 300;

function permissionNames(names, usage) {
  const list = el("ul", { class: "permissions" });
  const add = (from, to) => append(list, names.slice(from, to).map((permission) => {
    const used = usage.get(permission);
    return el("li", {}, name(permission, { limit: 120, mono: true }), used ? el("span", { class: "quiet" }, ` ${usageWords(used)}`) : "");
  }));
  add(0, NAMES_AT_ONCE);
  if (names.length <= NAMES_AT_ONCE) return list;
  const more = el("button", { type: "button" }, `Show the other ${num(names.length - NAMES_AT_ONCE)}`);
  more.addEventListener("click", () => {
    add(NAMES_AT_ONCE, names.length);
    more.remove();
  });
  return [list, more];
}

function usageWords(row) {
  const calls = row.denied === row.count ? `${num(row.count)} refused` : `${num(row.count)} ×${row.denied ? `, ${num(row.denied)} refused` : ""}`;
  return `${calls}, ${row.first && dayOf(row.first) !== dayOf(row.last) ? dayOf(row.first) + " to " : ""}${dayOf(row.last)}`;
}

// Type a permission, read its verdict and why.
function permissionSearch(services, reasonOf, usage) {
  const box = el("input", { type: "search", id: "permission-query", autocomplete: "off", spellcheck: "false" });
  const answer = el("div", { class: "answer" });
  const said = el("p", { role: "status", class: "quiet" });
  const show = () => {
    const wanted = box.value.trim().toLowerCase();
    const found = wanted ? matchingPermissions(services, wanted) : [];
    said.textContent = wanted ? (found.length ? `${count(found.length, "permission")}` : "Not held: no grant read gives it and no call to it was seen.") : "";
    answer.replaceChildren(found.length ? permissionTable(found, reasonOf, usage) : "");
  };
  box.addEventListener("input", show);
  return el("div", { class: "permission-search" }, el("label", {}, "Find a permission ", box), said, answer);
}

function matchingPermissions(services, wanted) {
  return services.flatMap((row) => VERDICTS.flatMap((verdict) =>
    row.lists[verdict].filter((permission) => permission.toLowerCase().includes(wanted))
      .map((permission) => ({ permission, verdict, service: row.service }))));
}

function permissionTable(found, reasonOf, usage) {
  return makeTable({
    caption: "Permissions found",
    pageSize: 10,
    columns: [
      { key: "permission", label: "Permission", header: true, cell: (row) => mono(row.permission), value: (row) => row.permission },
      { key: "verdict", label: "Verdict", cell: (row) => verdictBadge(row.verdict), value: (row) => VERDICTS.indexOf(row.verdict) },
      { key: "why", label: "Why", class: "wide", cell: (row) => {
        const used = usage.get(row.permission);
        const reason = reasonOf(row.verdict, row.permission, row.service);
        return [used ? usageWords(used) + " " : "", reason ? reasonText(reason) : used ? "" : none("no reason recorded")];
      } },
    ],
    rows: found,
  }).node;
}

// Who may become the identity, the identity, and what it touches: read from left to right.
function reachSection(model, { entry }) {
  const classes = [...REACH_CLASSES.keys(), ...Object.keys(entry.reach).filter((key) => !REACH_CLASSES.has(key)).sort()]
    .filter((key) => entry.reach[key] && (entry.reach[key].granted || entry.reach[key].used));
  return [
    basis(model, " · named resources are those the logs show it used; what it could reach may be more"),
    el("div", { class: "reach" },
      el("div", { class: "reach-from" }, el("h3", {}, "May act as it"),
        entry.trusted.length ? trustedList(entry.trusted) : el("p", {}, none("nobody named in the evidence"))),
      el("div", { class: "reach-self" }, el("p", {}, name(entry.name || entry.id, { limit: 60 }), el("span", { class: "under" }, name(entry.kind)))),
      el("div", { class: "reach-to" }, el("h3", {}, "Can reach"),
        classes.length ? el("ul", {}, classes.map((key) => reachCard(key, entry.reach[key]))) : el("p", {}, none("no class of reach known")))),
  ];
}

function trustedList(trusted) {
  const shown = trusted.slice(0, 30).map((one) => el("li", {}, mono(one, 90)));
  const rest = trusted.slice(30);
  if (!rest.length) return el("ul", {}, shown);
  return [el("ul", {}, shown), lazyFold(`${num(rest.length)} more`, () => el("ul", {}, rest.map((one) => el("li", {}, mono(one, 90)))))];
}

function reachCard(key, reach) {
  const [label, means] = REACH_CLASSES.get(key) ?? [null, ""];
  const total = Math.max(reach.resources_total, reach.resources.length);
  return el("li", { class: reach.used ? "reach-used" : "reach-granted" },
    el("p", { class: "reach-name" }, el("b", {}, label ?? name(key, { limit: 60 })), means ? el("span", { class: "quiet" }, ` ${means}`) : ""),
    reachBar(reach.granted, reach.used),
    el("p", {}, el("b", {}, num(reach.used)), ` used of `, el("b", {}, num(reach.granted)), " granted"),
    total ? el("details", { class: "resources" }, el("summary", {}, count(total, "resource"), " seen"),
      el("ul", { class: "names" }, reach.resources.map((resource) => el("li", {}, mono(resource, 120)))),
      total > reach.resources.length ? el("p", { class: "quiet" }, `${num(total - reach.resources.length)} more are not listed here`) : "") : null);
}

function identityFindingsSection(model, identity) {
  const { findings } = identity;
  if (!findings.length) return el("p", {}, none("No finding for this identity. What could not be seen is listed under Evidence."));
  const ordered = [...findings].sort((left, right) =>
    Number(isOpen(right)) - Number(isOpen(left)) || SEVERITIES.indexOf(left.entry.severity) - SEVERITIES.indexOf(right.entry.severity) || left.index - right.index);
  const card = (finding) => el("article", { class: isOpen(finding) ? "finding" : "finding closed" },
    el("h3", {}, severityBadge(finding.entry.severity), " ", el("span", { class: "rule" }, name(finding.entry.rule, { limit: 20 })), " ", name(finding.entry.title), " ",
      isOpen(finding) ? "" : statusPill(finding)),
    findingDetails(finding));
  const rest = ordered.slice(20);
  return [ordered.slice(0, 20).map(card), rest.length ? lazyFold(`${count(rest.length, "more finding")}`, () => rest.map(card)) : null];
}

function credentialsSection(model, { entry }) {
  if (!entry.credentials.length) return el("p", {}, none("No key, secret or certificate in the evidence."));
  return [
    basis(model, " · uses are calls seen in the logs given; last use is the cloud's or the logs' word, whichever is later"),
    makeTable({
      caption: "Keys, secrets and certificates",
      columns: [
        { key: "id", label: "Credential", header: true, cell: (one) => mono(one.id, 80), value: (one) => one.id },
        { key: "kind", label: "Kind", cell: (one) => name(one.kind), value: (one) => one.kind },
        { key: "status", label: "Status", cell: (one) => pill(name(one.status, { limit: 20 }), one.status === "active" ? "" : "pill-quiet"), value: (one) => one.status },
        { key: "age", label: "Age", numeric: true, descending: true, cell: (one) => (one.age_days === null || one.age_days === undefined ? none("unknown") : count(one.age_days, "day")), value: (one) => one.age_days ?? -1 },
        { key: "expires", label: "Expires", class: "nowrap", cell: (one) => (one.expires ? dayOf(one.expires) : none(one.long_lived ? "never" : "not stated")), value: (one) => one.expires },
        { key: "last", label: "Last used", class: "nowrap", descending: true, cell: (one) => (one.last_used ? dayOf(one.last_used) : none("no use seen or reported")), value: (one) => one.last_used },
        { key: "uses", label: "Calls in the window", numeric: true, descending: true, cell: (one) => num(one.uses), value: (one) => one.uses },
        { key: "long", label: "Long-lived", cell: (one) => (one.long_lived ? pill("long-lived", "pill-warn") : "no"), value: (one) => (one.long_lived ? 0 : 1) },
      ],
      rows: entry.credentials,
    }).node,
  ];
}

function grantsSection(model, { entry }) {
  if (!entry.grants.length) return el("p", {}, none("No written grant could be read for this identity."));
  return [
    basis(model, " · a grant is used when a call needed one of its permissions"),
    makeTable({
      caption: "Grants and where each is written",
      columns: [
        {
          key: "name", label: "Grant", header: true, class: "wide", value: (grant) => grant.name.toLowerCase(),
          cell: (grant) => [el("b", {}, wholeName(grant.name || grant.id)), grant.effect === "deny" ? [" ", pill("deny")] : "",
            grant.admin ? [" ", pill("admin", "pill-warn")] : "", grant.shared ? [" ", pill("shared", "pill-quiet")] : "",
            el("span", { class: "under" }, "written in ", mono(grant.source, 120)),
            grant.admin ? el("span", { class: "under" }, "administrator: ", name(grant.admin)) : ""],
        },
        { key: "scope", label: "Scope", class: "wide", cell: (grant) => mono(grant.scope, 120), value: (grant) => grant.scope },
        { key: "conditions", label: "Condition", cell: (grant) => (grant.conditions ? mono(grant.conditions, 120) : none("none")), value: (grant) => (grant.conditions ? 0 : 1) },
        { key: "permissions", label: "Permissions", numeric: true, descending: true, cell: (grant) => num(grant.permissions), value: (grant) => grant.permissions },
        { key: "verdict", label: "Verdict", cell: (grant) => verdictBadge(grant.verdict), value: (grant) => grant.verdict },
        { key: "last", label: "Last used", class: "nowrap", descending: true, cell: (grant) => (grant.last_used ? dayOf(grant.last_used) : none(grant.verdict === "unobservable" ? "not observable" : "no use seen")), value: (grant) => grant.last_used },
      ],
      rows: entry.grants,
    }).node,
  ];
}

function usageSection(model, identity) {
  const { entry } = identity;
  const rows = usageByPermission(identity);
  if (!rows.length) return el("p", {}, none("No call by this identity in the logs given. Evidence says which logs those are."));
  const cutShort = entry.usage_total > entry.usage.length;
  return [
    basis(model, cutShort ? ` · ${num(entry.usage.length)} of ${num(entry.usage_total)} usage rows are kept here` : ""),
    makeTable({
      class: "usage",
      caption: "First to last call of each permission",
      columns: [
        { key: "permission", label: "Permission", header: true, class: "wide", cell: (row) => name(row.permission, { limit: 120, mono: true }), value: (row) => row.permission },
        { key: "count", label: "Calls", numeric: true, descending: true, cell: (row) => num(row.count), value: (row) => row.count },
        { key: "denied", label: "Refused", numeric: true, descending: true, cell: (row) => num(row.denied), value: (row) => row.denied },
        { key: "first", label: "First", class: "nowrap", cell: (row) => (row.first ? dayOf(row.first) : none("unknown")), value: (row) => row.first },
        { key: "last", label: "Last", class: "nowrap", descending: true, cell: (row) => (row.last ? dayOf(row.last) : none("unknown")), value: (row) => row.last },
        { key: "span", label: `${dayOf(model.doc.window.start)} to ${dayOf(model.doc.window.end)}`, class: "picture", cell: (row) => spanPicture(row.first, row.last, model.doc.window, row.count > 0 && row.denied === row.count) },
      ],
      rows,
      sort: "-last",
      expand: (row) => usageRows(row.rows),
      expandLabel: (row) => `Resources and credentials of ${plain(row.permission, 80)}`,
    }).node,
  ];
}

function usageRows(rows) {
  return makeTable({
    caption: "By resource and credential",
    columns: [
      { key: "resource", label: "Resource", header: true, class: "wide", cell: (row) => (row.resource ? mono(row.resource, 120) : none("not named in the log")), value: (row) => row.resource },
      { key: "credential", label: "Credential", cell: (row) => (row.credential ? mono(row.credential, 60) : none("session")), value: (row) => row.credential },
      { key: "operation", label: "Operation", cell: (row) => (row.operation ? name(row.operation, { limit: 80 }) : none("—")), value: (row) => row.operation },
      { key: "via", label: "Via", cell: (row) => (row.via ? name(row.via, { limit: 80 }) : none("direct")), value: (row) => row.via },
      { key: "count", label: "Calls", numeric: true, descending: true, cell: (row) => num(row.count), value: (row) => row.count },
      { key: "denied", label: "Refused", numeric: true, descending: true, cell: (row) => num(row.denied), value: (row) => row.denied },
      { key: "first", label: "First", class: "nowrap", cell: (row) => minuteOf(row.first_seen), value: (row) => row.first_seen },
      { key: "last", label: "Last", class: "nowrap", cell: (row) => minuteOf(row.last_seen), value: (row) => row.last_seen },
    ],
    rows,
  }).node;
}

// What the statements about this identity rest on.
function evidenceSection(model, { entry }) {
  const sources = model.doc.sources.filter((source) => source.provider === entry.provider && (source.account === entry.account || source.name === entry.source));
  const coverage = model.doc.coverage.filter((one) => one.provider === entry.provider && one.account === entry.account);
  return [
    el("p", {}, "The verdicts above hold for ", windowText(model), " and for the logs listed here. ",
      el("a", { href: "#/coverage" }, "All coverage"), "."),
    sources.length ? sourcesTable(sources).node : el("p", {}, none("No source of this account is listed.")),
    coverage.length ? coverageTable(coverage).node : el("p", {}, none("The evidence does not say which logs were on for this account.")),
  ];
}
