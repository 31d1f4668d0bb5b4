// The drift page: what changed since the last scan, against what was approved, and between stages.

const CHANGE_WORDS = {
  __proto__: null,
  granted_more: "Granted more",
  regained: "Regained after removal",
  catalogue_grew: "More, by the cloud's list",
  granted_less: "Granted less",
  used_first_time: "Used for the first time",
  stopped_using: "No longer used",
  grant_added: "Grant added",
  grant_removed: "Grant removed",
  grant_changed: "Grant changed",
  credential_added: "New credential",
  credential_removed: "Credential gone",
  credential_changed: "Credential changed",
  identity_new: "New identity",
  identity_recreated: "Deleted and created again",
  identity_gone: "Identity gone",
  profile_changed: "Identity changed",
};

function showDrift(model) {
  const { drift, history } = model.doc;
  const parts = [driftSummary(drift, history)];
  if (drift) {
    const changed = driftSection("Since the last scan", changesTable(model, drift), sinceWords(drift));
    const compared = driftSection("What was compared", comparedTable(drift.compared_with));
    const stages = drift.stages ? stageSections(model, drift.stages) : [];
    const order = drift.changes.length ? [changed, ...stages, compared] : [...stages, changed, compared];
    parts.push(...order);
  }
  document.getElementById("drift-content").replaceChildren(...parts.filter(Boolean));
}

function driftSection(title, table, words = "") {
  return el("section", {}, el("h2", {}, title), words ? el("p", { class: "basis" }, words) : "", table.node);
}

function driftSummary(drift, history) {
  const counts = drift?.findings;
  const baseline = drift?.baseline;
  return el(
    "section",
    {},
    (history?.notes ?? []).map((note) => el("p", { class: "callout" }, wholeName(note, { limit: 400 }))),
    facts(
      [
        ["Findings since then", counts && countWords(counts)],
        [
          "Beyond what was approved",
          baseline &&
            `${num(baseline.expanded)} of ${count(baseline.identities, "identity", "identities")}; reference: ${plain(baseline.reference, 200)}`,
        ],
        ["Older scans remembered", history && num(history.scans)],
        ["This scan", history?.scan ? mono(history.scan) : ""],
        [
          "Waivers and approvals",
          history?.approvals_head
            ? [`${count(history.approvals, "entry", "entries")}, head `, mono(history.approvals_head)]
            : "",
        ],
        ["Waived by pattern", history?.patterns?.length ? patternList(history.patterns) : ""],
      ],
      { class: "facts facts-wide" },
    ),
  );
}

// What each pattern covers, and what goes beyond the number that was accepted with it.
function patternList(patterns) {
  return el(
    "ul",
    { class: "names" },
    patterns.map((one) =>
      el(
        "li",
        {},
        one.active ? `${count(one.covers, "finding")} of at most ${num(one.at_most)}` : "ended",
        one.over ? `; ${num(one.over)} more match and stay open` : "",
        ": rule ",
        name(one.rule),
        ", identity ",
        name(one.identity),
        ", account ",
        name(one.account),
        " · ",
        name(one.owner),
        " until ",
        name(dayOf(one.until)),
        ": ",
        wholeName(one.reason),
      ),
    ),
  );
}

function countWords(counts) {
  return ["new", "fixed", "regressed", "carried", "waived"]
    .map((key) => `${num(counts[key])} ${key === "carried" ? "open but not looked at again" : key}`)
    .join(", ");
}

function sinceWords(drift) {
  if (!drift.compared_with.some((row) => row.scan)) {
    return "No older scan of these accounts is remembered, so there is nothing to compare with.";
  }
  const more = drift.changes.filter((change) => change.attention).length;
  const cutAway =
    drift.changes_total > drift.changes.length ? `; the first ${num(drift.changes.length)} are listed` : "";
  return `${count(drift.changes_total, "change")}, ${num(more)} of them more access than before${cutAway}.`;
}

function changesTable(model, drift) {
  return makeTable({
    caption: "Changes of identities; those that gave more access come first",
    rows: [...drift.changes].sort((one, other) => other.attention - one.attention),
    empty: "Nothing changed.",
    columns: [
      {
        key: "kind",
        label: "Change",
        header: true,
        cell: (row) => [
          CHANGE_WORDS[row.kind] ?? name(row.kind),
          row.attention ? el("span", { class: "under" }, pill("more access", "pill-warn")) : "",
        ],
        value: (row) => CHANGE_WORDS[row.kind] ?? row.kind,
      },
      {
        key: "identity",
        label: "Identity",
        cell: (row) => [
          driftIdentity(model, row.provider, row.account, row.identity, row.name),
          el("span", { class: "under" }, cloudWord(row.provider), " ", name(row.account)),
        ],
        value: (row) => row.name || row.identity,
      },
      {
        key: "message",
        label: "What",
        class: "wide",
        cell: (row) => [
          wholeName(row.message, { limit: 400 }),
          row.permissions_total ? nameFold(row.permissions, row.permissions_total) : "",
        ],
      },
    ],
  });
}

function driftIdentity(model, provider, account, id, shown) {
  const identity = model.byKey.get(identityKey(provider, account, id));
  const label = name(shown || id, { limit: 80 });
  return identity ? el("a", { class: "identity-link", href: "#" + identityPath(identity) }, label) : label;
}

// A fold with permission names; the report holds at most 200 of them.
function nameFold(names, total) {
  if (!total) return none("none");
  return lazyFold(count(total, "permission"), () =>
    el(
      "div",
      { class: "whole mono" },
      names.map((entry) => el("div", {}, name(entry))),
      total > names.length ? el("div", { class: "quiet" }, `and ${num(total - names.length)} more`) : "",
    ),
  );
}

function comparedTable(rows) {
  return makeTable({
    caption: "Each account and the older scan it was compared with",
    rows,
    empty: "No account was compared.",
    columns: [
      {
        key: "account",
        label: "Account",
        header: true,
        cell: (row) => [cloudWord(row.provider), " ", name(row.account)],
        value: (row) => `${row.provider} ${row.account}`,
      },
      {
        key: "at",
        label: "Older scan",
        cell: (row) => (row.scan ? [minuteOf(row.at), el("span", { class: "under mono" }, name(row.scan))] : none("none")),
        value: (row) => row.at,
      },
      {
        key: "complete",
        label: "Read whole",
        class: "wide",
        cell: (row) =>
          row.complete
            ? pill("yes", "pill-good")
            : [pill("no", "pill-warn"), " ", wholeName(`nothing of it counts as gone or fixed: ${row.reason}`, { limit: 300 })],
        value: (row) => String(row.complete),
      },
    ],
  });
}

function stageSections(model, stages) {
  const rules = stages.rules.map((rule) => plain(rule, 160)).join(" · ");
  const section = driftSection("Between stages", stageTable(model, stages.pairs), `Matched by: ${rules}.`);
  if (stages.unmatched_total) {
    const left = stages.unmatched_total - stages.unmatched.length;
    append(section, [
      lazyFold(`${count(stages.unmatched_total, "identity", "identities")} without a partner in another stage`, () =>
        el(
          "ul",
          {},
          stages.unmatched.map((entry) => el("li", {}, name(entry))),
          left > 0 ? el("li", { class: "quiet" }, `and ${num(left)} more`) : "",
        ),
      ),
    ]);
  }
  return [section];
}

function stageTable(model, pairs) {
  const account = (provider, id) =>
    model.byId.get(`${provider}\n${id}`)?.entry ?? { account: "", name: id };
  const side = (row, id, stage) => {
    const entry = account(row.provider, id);
    return [
      driftIdentity(model, row.provider, entry.account, id, entry.name),
      el("span", { class: "under" }, name(stage)),
    ];
  };
  return makeTable({
    caption: "The same workload in two stages",
    rows: pairs,
    empty: "No workload was found in two stages. Write a rule under [[drift.match]] where names differ.",
    columns: [
      {
        key: "workload",
        label: "Workload",
        header: true,
        cell: (row) => [name(row.workload), el("span", { class: "under" }, wholeName(row.rule, { limit: 120 }))],
        value: (row) => row.workload,
      },
      { key: "earlier", label: "Earlier", cell: (row) => side(row, row.earlier, row.earlier_stage) },
      { key: "later", label: "Later", cell: (row) => side(row, row.later, row.later_stage) },
      { key: "both", label: "Both hold", numeric: true, cell: (row) => num(row.both), value: (row) => row.both },
      {
        key: "only_earlier",
        label: "Only the earlier",
        cell: (row) => nameFold(row.only_earlier, row.only_earlier_total),
        value: (row) => row.only_earlier_total,
      },
      {
        key: "only_later",
        label: "Only the later",
        cell: (row) => nameFold(row.only_later, row.only_later_total),
        value: (row) => row.only_later_total,
      },
      {
        key: "unused",
        label: "Later: unused",
        numeric: true,
        cell: (row) => num(row.unused_later),
        value: (row) => row.unused_later,
      },
    ],
  });
}
