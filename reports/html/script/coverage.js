// The coverage page: every source, log class, unread file, unmapped operation and limit, in full.

const STATUS_KIND = {
  __proto__: null,
  ok: "pill-good",
  on: "pill-good",
  failed: "pill-bad",
  off: "pill-bad",
  partial: "pill-warn",
  unknown: "pill-quiet",
  skipped: "pill-quiet",
};
const STATUS_RANK = ["failed", "off", "partial", "unknown", "skipped", "ok", "on"];

function statusBadge(status) {
  return pill(name(status, { limit: 20 }), STATUS_KIND[status] ?? "pill-quiet");
}

function showCoverage(model) {
  const { doc } = model;
  document
    .getElementById("coverage-tables")
    .replaceChildren(
      coverageSection("Sources", sourcesTable(doc.sources)),
      coverageSection("Why permissions are not observable", reasonsTable(doc.identities)),
      coverageSection("Which logs were on", coverageTable(doc.coverage)),
      coverageSection("Log files skipped or not read whole", logFilesTable(doc)),
      coverageSection("Log operations without a known permission", unmappedTable(doc)),
      coverageSection("What was not interpreted", limitsTable(doc)),
    );
}

function coverageSection(title, table) {
  return el("section", {}, el("h2", {}, title), table.node);
}

// The same reason over all identities: one change to the logs shows the use of all its permissions.
function unseenReasons(identities) {
  const found = new Map();
  for (const identity of identities) {
    for (const reason of identity.reasons) {
      if (reason.verdict !== "unobservable") continue;
      const key = [identity.provider, reason.code, reason.reason, reason.fix].join("\n");
      if (!found.has(key)) found.set(key, { ...reason, provider: identity.provider, count: 0, holders: 0 });
      found.get(key).count += reason.count;
      found.get(key).holders += 1;
    }
  }
  return [...found.values()];
}

function reasonsTable(identities) {
  return makeTable({
    caption: "Counted per identity: a permission that three identities hold counts three times",
    columns: [
      {
        key: "reason",
        label: "Reason",
        header: true,
        class: "wide",
        cell: (row) => [
          wholeName(sentence(row.reason), { limit: 300 }),
          el("span", { class: "under mono" }, name(row.code)),
        ],
        value: (row) => row.reason,
      },
      {
        key: "provider",
        label: "Cloud",
        cell: (row) => cloudWord(row.provider),
        value: (row) => row.provider,
      },
      {
        key: "count",
        label: "Permissions",
        numeric: true,
        descending: true,
        cell: (row) => num(row.count),
        value: (row) => row.count,
      },
      {
        key: "holders",
        label: "Identities",
        numeric: true,
        descending: true,
        cell: (row) => num(row.holders),
        value: (row) => row.holders,
      },
      {
        key: "fix",
        label: "What would show it",
        class: "wide",
        cell: (row) => (row.fix ? fixText(row.fix) : none("nothing known")),
      },
    ],
    rows: unseenReasons(identities),
    sort: "-count",
    empty: "Everything granted to the identities of this report is observable in the logs given.",
  });
}

function sourcesTable(sources) {
  return makeTable({
    caption: "Sources and how reading them went",
    columns: [
      {
        key: "name",
        label: "Source",
        header: true,
        class: "wide",
        cell: (source) => [name(source.name), placeLine(source)],
        value: (source) => source.name,
      },
      {
        key: "status",
        label: "Status",
        cell: (source) => statusBadge(source.status),
        value: (source) => STATUS_RANK.indexOf(source.status),
      },
      {
        key: "records",
        label: "Records",
        numeric: true,
        descending: true,
        cell: (source) => num(source.records),
        value: (source) => source.records,
      },
      {
        key: "as-of",
        label: "Data as of",
        class: "nowrap",
        cell: (source) => (source.data_as_of ? minuteOf(source.data_as_of) : none("unknown")),
        value: (source) => source.data_as_of,
      },
      {
        key: "reason",
        label: "Reason",
        class: "wide",
        cell: (source) => (source.reason ? wholeName(source.reason, { limit: 400 }) : none("—")),
        value: (source) => source.reason,
      },
    ],
    rows: sources,
    empty: "No source is listed.",
    expand: (source) =>
      source.parts.length ? partsTable(source.parts).node : el("p", {}, none("No parts listed.")),
    expandLabel: (source) => `Parts of ${plain(source.name, 60)}`,
  });
}

function partsTable(parts) {
  return makeTable({
    caption: "Parts of the source",
    columns: [
      { key: "part", label: "Part", header: true, cell: (part) => name(part.part, { mono: true }) },
      { key: "status", label: "Status", cell: (part) => statusBadge(part.status) },
      { key: "records", label: "Records", numeric: true, cell: (part) => num(part.records) },
      {
        key: "as-of",
        label: "Data as of",
        class: "nowrap",
        cell: (part) => (part.data_as_of ? minuteOf(part.data_as_of) : none("unknown")),
      },
      {
        key: "reason",
        label: "Reason",
        class: "wide",
        cell: (part) => (part.reason ? wholeName(part.reason, { limit: 400 }) : none("—")),
      },
    ],
    rows: parts,
  });
}

function coverageTable(rows) {
  return makeTable({
    caption: "Log classes by place",
    columns: [
      {
        key: "place",
        label: "Place",
        header: true,
        class: "wide",
        cell: (row) => [
          mono(row.place || row.account, 90),
          el("span", { class: "under" }, cloudWord(row.provider), " · ", name(row.account, { limit: 60 })),
        ],
        value: (row) => row.place,
      },
      {
        key: "class",
        label: "Log class",
        class: "some",
        cell: (row) => name(row.log_class),
        value: (row) => row.log_class,
      },
      {
        key: "state",
        label: "State",
        cell: (row) => statusBadge(row.state),
        value: (row) => STATUS_RANK.indexOf(row.state),
      },
      {
        key: "since",
        label: "Since",
        class: "nowrap",
        cell: (row) => (row.since ? dayOf(row.since) : none("unknown")),
        value: (row) => row.since,
      },
      {
        key: "reason",
        label: "Why",
        class: "wide",
        cell: (row) => (row.reason ? wholeName(sentence(row.reason), { limit: 300 }) : none("—")),
      },
      {
        key: "fix",
        label: "What would show it",
        class: "wide",
        cell: (row) => (row.fix ? fixText(row.fix) : none("—")),
      },
    ],
    rows,
    sort: "state",
    empty: "The evidence does not say which logs were on.",
  });
}

function logFilesTable({ log_files: files, summary }) {
  return makeTable({
    caption: `${count(files.length, "file")} beside ${num(summary.log_events.files - summary.log_events.unreadable_files)} read whole`,
    columns: [
      {
        key: "path",
        label: "File",
        header: true,
        class: "wide",
        cell: (file) => mono(file.path, 160),
        value: (file) => file.path,
      },
      {
        key: "source",
        label: "Source",
        class: "some",
        cell: (file) => name(file.source),
        value: (file) => file.source,
      },
      {
        key: "status",
        label: "Status",
        cell: (file) => statusBadge(file.status),
        value: (file) => STATUS_RANK.indexOf(file.status),
      },
      {
        key: "records",
        label: "Records read",
        numeric: true,
        descending: true,
        cell: (file) => num(file.records),
        value: (file) => file.records,
      },
      {
        key: "reason",
        label: "Reason",
        class: "wide",
        cell: (file) => wholeName(sentence(file.reason), { limit: 300 }),
        value: (file) => file.reason,
      },
    ],
    rows: files,
    empty: "Every log file given was read whole.",
  });
}

function unmappedTable({ unmapped_events: rows }) {
  return makeTable({
    caption: "These calls happened, but no permission could be tied to them",
    columns: [
      {
        key: "operation",
        label: "Operation",
        header: true,
        class: "wide",
        cell: (row) => mono(row.operation, 120),
        value: (row) => row.operation,
      },
      {
        key: "provider",
        label: "Cloud",
        cell: (row) => cloudWord(row.provider),
        value: (row) => row.provider,
      },
      {
        key: "source",
        label: "Source",
        class: "some",
        cell: (row) => name(row.source),
        value: (row) => row.source,
      },
      {
        key: "count",
        label: "Events",
        numeric: true,
        descending: true,
        cell: (row) => num(row.count),
        value: (row) => row.count,
      },
    ],
    rows,
    sort: "-count",
    empty: "Every operation seen has a known permission.",
  });
}

function limitsTable({ limits_of_analysis: rows }) {
  return makeTable({
    caption: "Limits of the analysis and what each does to the result",
    columns: [
      {
        key: "what",
        label: "What",
        header: true,
        class: "wide",
        cell: (row) => wholeName(row.what, { limit: 300 }),
        value: (row) => row.what,
      },
      {
        key: "where",
        label: "Where",
        class: "wide",
        cell: (row) => mono(row.where, 120),
        value: (row) => row.where,
      },
      {
        key: "effect",
        label: "Effect",
        class: "wide",
        cell: (row) => wholeName(row.effect, { limit: 300 }),
        value: (row) => row.effect,
      },
    ],
    rows,
    empty: "Everything read was interpreted.",
  });
}
