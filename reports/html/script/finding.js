// How one finding is told: what, evidence, what to do, and which controls it is evidence for.

// "window_days" reads "Window days".
function label(key) {
  const words = key.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const EVIDENCE_AT_ONCE = 9;

function evidenceValue(value) {
  if (Array.isArray(value)) return value.length ? evidenceList(value) : null;
  if (typeof value === "number") return num(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === "") return null;
  if (TIME.test(value)) return minuteOf(value);
  // Identifiers are set in the letters of code, sentences are not.
  return /\s/u.test(value) ? wholeName(value, { limit: 600 }) : mono(value);
}

// Sentences stand below each other, identifiers beside each other.
function evidenceList(values) {
  if (values.some((one) => /\s/u.test(one)))
    return el("ul", { class: "names" }, values.map((one) => el("li", {}, fixText(one))));
  const items = (some) => some.map((one) => el("li", {}, mono(one)));
  const first = el("ul", { class: "permissions" }, items(values.slice(0, EVIDENCE_AT_ONCE)));
  const rest = values.slice(EVIDENCE_AT_ONCE);
  return rest.length
    ? [first, lazyFold(`${num(rest.length)} more`, () => el("ul", { class: "permissions" }, items(rest)))]
    : first;
}

function frameworkList(references) {
  if (!references.length) return none("none named");
  return el(
    "ul",
    { class: "controls" },
    references.map((reference) =>
      el(
        "li",
        {},
        el("span", { class: "control" }, name(reference.control, { limit: 60 })),
        " ",
        name(reference.name),
        " ",
        el(
          "span",
          { class: "quiet" },
          name(`${reference.framework} ${reference.version}`),
          " · ",
          reference.relation === "direct" ? "direct evidence" : "supports",
        ),
      ),
    ),
  );
}

function statusPill(finding) {
  const { status } = finding.entry;
  return pill(name(status, { limit: 20 }), OPEN.has(status) ? "" : "pill-quiet");
}

function waiverText(waiver) {
  if (!waiver) return null;
  return el(
    "span",
    {},
    "accepted by ",
    name(waiver.owner),
    " until ",
    name(dayOf(waiver.until)),
    ": ",
    wholeName(waiver.reason),
    waiver.pattern ? [" (by the pattern ", wholeName(waiver.pattern), ")"] : "",
  );
}

function findingDetails(finding) {
  return el(
    "div",
    { class: "finding-details" },
    el("p", { class: "message" }, wholeName(finding.entry.message, { limit: 1200 })),
    findingFacts(finding),
  );
}

function findingFacts(finding) {
  const { entry } = finding;
  const fingerprint = fingerprintOf(MODEL, finding);
  return facts([
    ["What to do", wholeName(entry.remediation, { limit: 1200 })],
    ["Subject", entry.subject ? mono(entry.subject) : null],
    ...Object.entries(entry.evidence).map(([key, value]) => [name(label(key)), evidenceValue(value)]),
    ["Evidence for", frameworkList(entry.frameworks)],
    ["Confidence", name(entry.confidence)],
    ["First seen", entry.first_seen ? minuteOf(entry.first_seen) : null],
    ["Waiver", waiverText(entry.waiver)],
    ["Fingerprint", el("span", {}, mono(fingerprint, 80), " ", copyButton("Copy", fingerprint))],
  ]);
}
