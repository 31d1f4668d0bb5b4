// What the search leaves, as a CSV file of its own: for a ticket, a mail, a spreadsheet.

// A cell that starts like a formula is run by spreadsheets: an apostrophe keeps it text.
function csvCell(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/u.test(text) && !/^-?\d+(\.\d+)?$/u.test(text) ? `'${text}` : text;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csvText(columns, rows) {
  const lines = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((read) => read(row)))];
  return lines.map((line) => line.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

const FINDING_CSV = {
  fingerprint: (finding) => fingerprintOf(MODEL, finding),
  rule: ({ entry }) => entry.rule,
  title: ({ entry }) => entry.title,
  severity: ({ entry }) => entry.severity,
  confidence: ({ entry }) => entry.confidence,
  status: ({ entry }) => entry.status,
  cloud: ({ entry }) => entry.provider,
  account: ({ entry }) => entry.account,
  identity: ({ entry }) => entry.identity,
  owner: ({ identity }) => identity?.entry.owner,
  subject: ({ entry }) => entry.subject,
  message: ({ entry }) => entry.message,
  remediation: ({ entry }) => entry.remediation,
  first_seen: ({ entry }) => entry.first_seen,
};

const IDENTITY_CSV = {
  cloud: ({ entry }) => entry.provider,
  account: ({ entry }) => entry.account,
  id: ({ entry }) => entry.id,
  name: ({ entry }) => entry.name,
  kind: ({ entry }) => entry.kind,
  stage: ({ entry }) => entry.stage,
  owner: ({ entry }) => entry.owner,
  ai: ({ entry }) => (entry.ai_workload.is_ai ? entry.ai_workload.confidence : "no"),
  granted: ({ entry }) => entry.permissions.granted,
  ...Object.fromEntries(VERDICTS.map((verdict) => [verdict, ({ entry }) => entry.permissions[verdict]])),
  open_findings: (identity) => identity.findings.filter(isOpen).length,
  last_seen: ({ entry }) => entry.last_seen,
  reduction: ({ entry }) => entry.reduction.disposition,
  removes: ({ entry }) => entry.reduction.removes,
};

function exportButton(file, columns, rows) {
  return el(
    "button",
    { type: "button", class: "export", on: { click: () => download(file, csvText(columns, rows())) } },
    "Save as CSV",
  );
}

function download(file, text) {
  // The byte order mark tells spreadsheets that the file is UTF-8.
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  const link = el("a", { href: address, download: file });
  link.click();
  // The browser reads the file after this turn.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  announce(`Saved ${file}`);
}
