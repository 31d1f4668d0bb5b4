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
    el(
      "nav",
      { class: "local", "aria-label": "Parts of this identity" },
      el(
        "ul",
        {},
        SECTIONS.map(([id, title]) =>
          el(
            "li",
            {},
            el("a", { href: "#" + identityPath(identity) + writeQueryString({ q: query, at: id }) }, title),
          ),
        ),
      ),
    ),
    ...SECTIONS.map(([id, title, fill]) =>
      el(
        "section",
        { id: `at-${id}`, "aria-labelledby": `head-${id}` },
        el("h2", { id: `head-${id}`, tabindex: "-1" }, title),
        fill(model, identity),
      ),
    ),
  );
}

function showNoIdentity(rest) {
  document
    .getElementById("identity-content")
    .replaceChildren(
      el("p", { class: "back" }, el("a", { href: "#/identities" }, "All identities")),
      el("h1", { tabindex: "-1" }, "Not in this report"),
      el(
        "p",
        {},
        "This report holds no identity ",
        name(rest.at(-1) ?? ""),
        ". It may have been deleted, renamed or left out of the scan.",
      ),
    );
}

// Every number of a view stands with its window.
function windowText({ doc }) {
  return `${num(Math.round(doc.window.days))} days, ${dayOf(doc.window.start)} to ${dayOf(doc.window.end)}`;
}

function basis(model, ...more) {
  return el("p", { class: "basis" }, windowText(model), ...more);
}

// The part of the window in which calls of the identity would have been seen, as its findings measured it.
function logsSpan(identity) {
  const held = identity.findings.map((finding) => finding.entry.evidence).find((one) => one.observed_start);
  if (!held) return "";
  const days = Math.round(held.observed_days);
  return ` · its logs span ${dayOf(held.observed_start)} to ${dayOf(held.observed_end)}, ${count(days, "day")}`;
}

// What stands in the way of a promotion, and which verb decides about it by the written policy.
function beforeProduction(identity) {
  const open = identity.findings.filter(isOpen).map((finding) => finding.entry.severity);
  const counted = ["critical", "high"].map((severity) => [severity, open.filter((one) => one === severity).length]);
  const found = counted.filter(([, number]) => number);
  const words = found.map(([severity, number]) => `${num(number)} ${severity}`).join(" and ");
  const noun = found.length === 1 && found[0][1] === 1 ? "finding" : "findings";
  const { stage } = identity.entry;
  return el(
    "p",
    {},
    words ? `To settle before production: ${words} ${noun}. ` : "No open finding is critical or high. ",
    stage ? ["Whether it may go on, and what must change first: ", mono(`entdrift gate --stage ${stage}`)] : "",
  );
}

function identityStanding(model, identity) {
  const { entry } = identity;
  const { permissions } = entry;
  return el(
    "div",
    { class: "standing" },
    el(
      "p",
      { class: "sentence" },
      cloudWord(entry.provider),
      " ",
      name(entry.kind),
      " in ",
      name(entry.account),
      entry.stage ? [", stage ", name(entry.stage)] : "",
      ", granted ",
      el("b", {}, count(permissions.granted, "permission")),
      ".",
    ),
    el("p", { class: "pills" }, standingPills(entry)),
    verdictBar(permissions, { height: 18 }),
    verdictNumbers(permissions, { zero: true }),
    basis(
      model,
      " · calls seen ",
      entry.first_seen ? `${dayOf(entry.first_seen)} to ${dayOf(entry.last_seen)}` : "none",
      logsSpan(identity),
      ` · ${percent(permissions.unobservable, permissions.granted)} of what is granted cannot be seen in the logs given`,
      permissions.not_granted
        ? ` · ${num(permissions.not_granted)} used or denied are given by no present grant`
        : "",
    ),
    identity.entry.group ? alikeElsewhere(model, identity.entry) : "",
    beforeProduction(identity),
  );
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
    2 * entry.permissions.unobservable > entry.permissions.granted
      ? pill("mostly not observable", "pill-warn")
      : null,
    entry.reduction.disposition === "none"
      ? null
      : pill(
          `reduction ${DISPOSITION_WORDS[entry.reduction.disposition]}`,
          entry.reduction.disposition === "safe" ? "pill-good" : "",
        ),
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
      [
        "Runs as it",
        entry.workloads.length
          ? el(
              "ul",
              { class: "names" },
              entry.workloads.map((workload) =>
                el(
                  "li",
                  {},
                  name(workload.kind),
                  " ",
                  el("b", {}, wholeName(workload.name)),
                  " ",
                  mono(workload.id),
                ),
              ),
            )
          : none("no workload found in the evidence"),
      ],
    ]),
    el(
      "h3",
      {},
      ai.is_ai ? `AI workload: yes, ${plain(ai.confidence, 10)} confidence` : "AI workload: no sign of it",
    ),
    ai.signals.length
      ? makeTable({
          caption: "Signals, strongest first",
          columns: [
            {
              key: "kind",
              label: "Signal",
              header: true,
              class: "some",
              cell: (signal) => name(signal.kind),
            },
            { key: "value", label: "Value", cell: (signal) => mono(signal.value) },
            {
              key: "evidence",
              label: "Read from",
              cell: (signal) => wholeName(signal.evidence),
              class: "wide",
            },
          ],
          rows: ai.signals,
        }).node
      : el("p", {}, none("No signal in the evidence given.")),
  ];
}

function identityFindingsSection(model, identity) {
  const { findings } = identity;
  if (!findings.length)
    return el(
      "p",
      {},
      none("No finding for this identity. What could not be seen is listed under Evidence."),
    );
  const ordered = [...findings].sort(
    (left, right) =>
      Number(isOpen(right)) - Number(isOpen(left)) ||
      SEVERITIES.indexOf(left.entry.severity) - SEVERITIES.indexOf(right.entry.severity) ||
      left.index - right.index,
  );
  const card = (finding) =>
    el(
      "article",
      { class: isOpen(finding) ? "finding" : "finding closed" },
      el(
        "h3",
        {},
        severityBadge(finding.entry.severity),
        " ",
        el("span", { class: "rule" }, name(finding.entry.rule, { limit: 20 })),
        " ",
        name(finding.entry.title),
        " ",
        isOpen(finding) ? "" : statusPill(finding),
      ),
      el("p", { class: "message" }, wholeName(finding.entry.message, { limit: 1200 })),
      lazyFold("Evidence, what to do, controls", () => findingFacts(finding)),
    );
  const rest = ordered.slice(20);
  return [
    ordered.slice(0, 20).map(card),
    rest.length ? lazyFold(`${count(rest.length, "more finding")}`, () => rest.map(card)) : null,
  ];
}

// What the statements about this identity rest on.
function evidenceSection(model, { entry }) {
  const sources = model.doc.sources.filter(
    (source) =>
      source.provider === entry.provider &&
      (source.account === entry.account || source.name === entry.source),
  );
  const coverage = model.doc.coverage.filter(
    (one) => one.provider === entry.provider && one.account === entry.account,
  );
  return [
    el(
      "p",
      {},
      "The verdicts above hold for ",
      windowText(model),
      ", as far as the logs listed here reach. ",
      el("a", { href: "#/coverage" }, "All coverage"),
      ".",
    ),
    sources.length ? sourcesTable(sources).node : el("p", {}, none("No source of this account is listed.")),
    coverage.length
      ? coverageTable(coverage).node
      : el("p", {}, none("The evidence does not say which logs were on for this account.")),
  ];
}
