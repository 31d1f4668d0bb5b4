// The overview: search box and filters over the table of findings and the table of identities.

const FILTERS = [
  ["cloud", "Cloud", (model) => model.doc.identities.map((entry) => entry.provider)],
  ["account", "Account", (model) => model.doc.identities.map((entry) => entry.account)],
  ["stage", "Stage", (model) => model.doc.identities.map((entry) => entry.stage || "none")],
  ["kind", "Kind of identity", (model) => model.doc.identities.map((entry) => entry.kind)],
  [
    "workload",
    "Workload",
    (model) => model.doc.identities.flatMap((entry) => entry.workloads.map((workload) => workload.kind)),
  ],
  ["verdict", "Has permissions", () => VERDICTS],
  [
    "sev",
    "Severity",
    (model) =>
      SEVERITIES.filter((severity) => model.doc.findings.some((entry) => entry.severity === severity)),
  ],
  ["rule", "Finding type", (model) => model.doc.findings.map((entry) => entry.rule)],
  ["status", "Status", (model) => model.doc.findings.map((entry) => entry.status)],
];
// More choices than this are no help in a list: the search box takes them.
const MOST_CHOICES = 300;

function makeOverview(model, changed) {
  const view = { model, query: "", result: null, alike: Boolean(model.doc.groups?.length) };
  view.box = document.getElementById("query");
  view.findings = makeFindingsTable(model, () => changed(view));
  view.identities = makeIdentitiesTable(model, () => changed(view));
  document.getElementById("findings-table").replaceChildren(view.findings.node);
  document.getElementById("identities-table").replaceChildren(view.identities.node);
  view.selects = makeFilters(model, (key, value) =>
    setQuery(view, withTerm(view.box.value, key, value), changed),
  );
  view.box.addEventListener("input", () => setQuery(view, view.box.value, changed));
  document.getElementById("query-form").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("query-clear").addEventListener("click", () => {
    setQuery(view, "", changed);
    view.box.focus();
  });
  view.choice = document.getElementById("alike");
  view.choice?.addEventListener("change", () => {
    view.alike = view.choice.checked;
    setQuery(view, view.box.value, changed);
  });
  return view;
}

function setQuery(view, query, changed) {
  if (view.box.value !== query) view.box.value = query;
  showQuery(view, query, 1, 1);
  changed(view);
}

// Show what a query leaves: both tables, the totals and the filter lists.
function showQuery(view, query, findingsPage, identitiesPage) {
  view.query = query;
  view.result = applyQuery(view.model, query);
  const rows = view.alike ? rowsAlike : (some) => some;
  view.findings.update(rows(view.result.findings), findingsPage);
  view.identities.update(rows(view.result.identities), identitiesPage);
  for (const [key, select] of view.selects) showChoice(select, termValue(view.result.terms, key));
  document.getElementById("query-clear").hidden = !query.trim();
  showTotals(view);
  showUnknown(view.result.unknown, query);
}

function showUnknown(unknown, query) {
  const note = document.getElementById("query-note");
  note.hidden = !unknown.length;
  if (!unknown.length) return;
  note.replaceChildren(
    `No filter is called “${plain(unknown[0], 40)}”, so it was searched as text. `,
    /\w+:\w+/u.test(query) ? "To find who holds a permission, write perm: before it." : "",
  );
}

function makeFilters(model, choose) {
  const selects = new Map();
  const place = document.getElementById("filters");
  for (const [key, label, read] of FILTERS) {
    const listed = read(model);
    const values = key === "verdict" || key === "sev" ? listed : [...new Set(listed)].sort();
    if (values.length < 2 || values.length > MOST_CHOICES) continue;
    const select = el(
      "select",
      { id: `filter-${key}` },
      el("option", { value: "" }, "any"),
      values.map((value) =>
        el(
          "option",
          { value },
          key === "cloud"
            ? (PROVIDER_WORDS[value] ?? plain(value, 48))
            : (VERDICT_WORDS[value] ?? plain(value, 48)),
        ),
      ),
    );
    select.addEventListener("change", () => choose(key, select.value));
    selects.set(key, select);
    place.append(el("label", {}, el("span", {}, label), select));
  }
  return selects;
}

// Several values, or a value typed by hand, are shown as such: the list never hides what is filtered.
function showChoice(select, value) {
  select.querySelector("option[data-other]")?.remove();
  const fits = [...select.options].find((option) => option.value.toLowerCase() === value);
  if (fits) select.value = fits.value;
  else {
    const other = el(
      "option",
      { value: "\u0000", "data-other": true },
      value === null ? "several" : plain(value, 40),
    );
    select.append(other);
    select.value = other.value;
  }
}

function showTotals(view) {
  const { findings, identities } = view.result;
  const { doc } = view.model;
  const bySeverity = new Map(SEVERITIES.map((severity) => [severity, 0]));
  let closed = 0;
  for (const finding of findings) {
    if (isOpen(finding))
      bySeverity.set(finding.entry.severity, (bySeverity.get(finding.entry.severity) ?? 0) + 1);
    else closed += 1;
  }
  const counts = identities.reduce((total, identity) => addCounts(total, identity.entry.permissions), {});
  const open = findings.length - closed;
  const severities = SEVERITIES.filter((severity) => bySeverity.get(severity));
  const findingText = `${num(findings.length)} of ${count(doc.findings.length, "finding")}`;
  const identityText = `${num(identities.length)} of ${count(doc.identities.length, "identity", "identities")}`;
  const once = view.alike
    ? ` Alike counted once: ${num(view.findings.state.rows.length)} and ${num(view.identities.state.rows.length)}.`
    : "";
  document.getElementById("totals").textContent = `Showing ${findingText} and ${identityText}.${once}`;
  document.getElementById("findings-totals").replaceChildren(
    el("span", {}, el("b", {}, num(open)), ` open`, severities.length ? ":" : ""),
    ...severities.map((severity) =>
      el("span", {}, severityBadge(severity), " ", el("b", {}, num(bySeverity.get(severity)))),
    ),
    closed ? el("span", { class: "quiet" }, `${num(closed)} waived or fixed`) : "",
    exportButton("entdrift-findings.csv", FINDING_CSV, () => view.result.findings),
  );
  document.getElementById("identities-totals").replaceChildren(
    el("span", {}, el("b", {}, num(counts.granted ?? 0)), " granted"),
    verdictBar(counts, { kind: "bar bar-total" }),
    verdictNumbers(counts, { zero: true }),
    counts.not_granted
      ? el("span", { class: "quiet" }, `${num(counts.not_granted)} used or denied are given by no present grant`)
      : "",
    exportButton("entdrift-identities.csv", IDENTITY_CSV, () => view.result.identities),
  );
}

function identityLink(identity, params = {}) {
  const { entry } = identity;
  return el(
    "a",
    { class: "identity-link", href: "#" + identityPath(identity) + writeQueryString(params) },
    name(entry.name || entry.id, { limit: 90 }),
  );
}

function placeLine(entry) {
  return el(
    "span",
    { class: "place" },
    cloudWord(entry.provider),
    " · ",
    name(entry.account, { limit: 60 }),
    entry.stage ? [" · ", name(entry.stage, { limit: 40 })] : "",
  );
}

function makeFindingsTable(model, changed) {
  return makeTable({
    id: "findings-rows",
    class: "findings",
    caption: "Findings",
    captionClass: "offscreen",
    columns: [
      {
        key: "severity",
        label: "Severity",
        class: "brief plain",
        cell: ({ entry }) => severityBadge(entry.severity),
        value: ({ entry }) => SEVERITIES.indexOf(entry.severity),
      },
      {
        key: "rule",
        label: "Finding",
        header: true,
        value: ({ entry }) => entry.rule,
        class: "wide",
        cell: ({ entry }) => [
          el(
            "span",
            { class: "rule" },
            name(entry.rule, { limit: 20 }),
            " ",
            name(entry.title, { limit: 120 }),
          ),
          el("span", { class: "under" }, name(entry.message, { limit: 400 })),
        ],
      },
      {
        key: "identity",
        label: "Identity",
        value: ({ entry, identity }) => (identity?.entry.name || entry.identity).toLowerCase(),
        class: "wide",
        cell: (finding) => isAlike(finding) ? alikeName(model, finding, finding.identity.entry) : [
          finding.identity
            ? identityLink(finding.identity, { at: "findings" })
            : name(finding.entry.identity, { limit: 90 }),
          placeLine(finding.identity?.entry ?? finding.entry),
        ],
      },
      {
        key: "confidence",
        label: "Confidence",
        class: "nowrap brief",
        cell: (finding) =>
          isAlike(finding)
            ? wordsOf(finding.members.map(({ entry }) => entry.confidence))
            : name(finding.entry.confidence, { limit: 20 }),
        value: ({ entry }) => ["high", "medium", "low"].indexOf(entry.confidence),
      },
      {
        key: "status",
        label: "Status",
        class: "brief plain",
        cell: (finding) =>
          isAlike(finding) ? wordsOf(finding.members.map(({ entry }) => entry.status)) : statusPill(finding),
        value: ({ entry }) => ["regressed", "open", "waived", "fixed"].indexOf(entry.status),
      },
    ],
    pageSize: 10,
    empty:
      "No finding matches. A search without a match is not proof that nothing is wrong: see what could not be seen.",
    expand: (finding) => (isAlike(finding) ? alikeFinding(finding) : findingDetails(finding)),
    expandLabel: ({ entry }) => `Evidence of ${plain(entry.rule, 20)} for ${plain(entry.identity, 60)}`,
    rowClass: (finding) => ((finding.members ?? [finding]).some(isOpen) ? null : "closed"),
    onState: changed,
  });
}

function findingsCell(identity) {
  const open = identity.findings.filter(isOpen);
  if (!open.length) return none("none open");
  return el("span", { class: "nowrap" }, severityBadge(SEVERITIES[worst(identity)]), " ", num(open.length));
}

const DISPOSITION_WORDS = { __proto__: null, safe: "safe", review: "needs review", none: "none offered" };

function reductionCell(row) {
  const { reduction } = row.entry;
  if (isAlike(row)) {
    const offers = row.members.map(({ entry }) => entry.reduction);
    const removes = offers.filter(({ disposition }) => disposition !== "none").map((offer) => offer.removes);
    return [
      removes.length ? el("b", {}, "−" + spreadOf(removes)) : "",
      el("span", { class: "under" }, wordsOf(offers.map(({ disposition }) => DISPOSITION_WORDS[disposition]))),
    ];
  }
  if (reduction.disposition === "none") return none(DISPOSITION_WORDS.none);
  return el(
    "span",
    { class: "nowrap" },
    el("b", {}, "−" + num(reduction.removes)),
    " ",
    DISPOSITION_WORDS[reduction.disposition],
  );
}

// Whether a row stands for several accounts.
function isAlike(row) {
  return (row.members?.length ?? 0) > 1;
}

function lastSeen(row) {
  return (row.members ?? [row]).reduce((last, { entry }) => (entry.last_seen > last ? entry.last_seen : last), "");
}

function aiCell({ entry }) {
  const { ai_workload: ai } = entry;
  return ai.is_ai ? ["yes, ", name(ai.confidence, { limit: 20 })] : "no";
}

function makeIdentitiesTable(model, changed) {
  return makeTable({
    id: "identities-rows",
    class: "identities",
    caption: "Identities, granted beside used",
    captionClass: "offscreen",
    columns: [
      {
        key: "name",
        label: "Identity",
        header: true,
        value: ({ entry }) => (entry.name || entry.id).toLowerCase(),
        class: "wide",
        cell: (identity) => isAlike(identity) ? alikeName(model, identity, identity.entry) : [
          identityLink(identity),
          el("span", { class: "under" }, name(identity.entry.kind, { limit: 40 })),
          placeLine(identity.entry),
        ],
      },
      {
        key: "owner",
        label: "Owner",
        cell: (row) => {
          const owners = new Set((row.members ?? [row]).map(({ entry }) => entry.owner));
          if (owners.size > 1) return count(owners.size, "owner");
          return row.entry.owner ? name(row.entry.owner, { limit: 40 }) : none("no owner");
        },
        value: ({ entry }) => entry.owner.toLowerCase(),
        hide: "laptop",
        class: "some brief",
      },
      {
        key: "ai",
        label: "AI, how sure",
        cell: aiCell,
        value: ({ entry }) => (entry.ai_workload.is_ai ? 0 : 1),
        hide: "laptop",
        class: "nowrap brief",
      },
      {
        key: "granted",
        label: "Granted",
        numeric: true,
        descending: true,
        cell: (row) => [
          num(row.entry.permissions.granted),
          isAlike(row) ? el("span", { class: "under" }, "each") : "",
        ],
        value: ({ entry }) => entry.permissions.granted,
      },
      {
        key: "unused",
        label: "Used, denied, unused, not observable, conditional",
        descending: true,
        class: "picture",
        cell: (row) => {
          const counts = (row.members ?? [row]).reduce(
            (total, { entry }) => addCounts(total, entry.permissions),
            {},
          );
          return [verdictBar(counts), verdictNumbers(counts)];
        },
        value: ({ entry }) => entry.permissions.unused,
      },
      {
        key: "findings",
        label: "Open findings",
        class: "brief",
        cell: findingsCell,
        value: (identity) => worst(identity) * 1e6 - identity.findings.length,
      },
      {
        key: "last",
        label: "Last call seen",
        class: "nowrap brief",
        descending: true,
        cell: (row) => (lastSeen(row) ? dayOf(lastSeen(row)) : none("no call seen")),
        value: lastSeen,
      },
      {
        key: "removes",
        label: "Reduction",
        class: "brief",
        numeric: true,
        descending: true,
        cell: reductionCell,
        value: ({ entry }) => (entry.reduction.disposition === "none" ? -1 : entry.reduction.removes),
      },
    ],
    sort: "findings",
    empty: "No identity matches.",
    expand: (identity) => alikeIdentity(model, identity),
    expandable: isAlike,
    expandLabel: ({ entry }) => `Accounts of ${plain(entry.name || entry.id, 60)}`,
    onState: changed,
  });
}
