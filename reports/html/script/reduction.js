// The reduction: what stays, what goes, the documents that do it, what was proved, and the way back.

const CLAIMS = [
  ["replay", "Replay", "every recorded, allowed call is still allowed"],
  ["containment", "Containment", "nothing is allowed that was not allowed before"],
  ["limits", "Limits", "documents fit the cloud's size and grammar"],
  ["backtest", "Backtest", "the same cut made earlier would have refused nothing since"],
  ["restore", "Restore", "the rollback gives back the present access"],
];

function reductionSection(model, identity) {
  const { reduction } = identity.entry;
  const verdict = el(
    "p",
    { class: "sentence" },
    el("b", {}, DISPOSITION_TITLES[reduction.disposition] ?? ""),
    " ",
    wholeName(sentence(reduction.reason), { limit: 800 }),
  );
  const refuted = CLAIMS.some(([key]) => reduction.proof[key].status === "refuted");
  if (reduction.disposition === "none" && !refuted) return verdict;
  return [
    verdict,
    reduction.disposition === "none" ? null : reductionSums(identity),
    facts([
      ["Removes grants", reduction.removes_grants.length ? nameList(reduction.removes_grants) : null],
      [
        "Removes credentials",
        reduction.removes_credentials.length ? nameList(reduction.removes_credentials) : null,
      ],
    ]),
    staysPart(reduction.stays),
    notesPart(reduction.notes),
    el("h3", {}, "What was checked"),
    proofParts(reduction.proof),
    artifactList("Replacement", ofForm(reduction.artifacts, false), (one) => replaced(reduction, one)),
    permissionsCompared(model, identity),
    artifactList("Alternative, not covered by the claims", ofForm(reduction.artifacts, true)),
    artifactList("Rollback", reduction.rollback),
  ];
}

// Ready-made roles are offered beside the replacement: wider by their excess, so nothing is claimed about them.
function ofForm(artifacts, alternative) {
  return artifacts.filter((one) => (one.form === "alternative") === alternative);
}

function staysPart(stays) {
  if (!stays?.length) return null;
  return [
    el("h3", {}, "What stays although unused"),
    el(
      "ul",
      {},
      stays.map((one) =>
        el(
          "li",
          {},
          el("b", {}, count(one.count, "permission")),
          ": ",
          wholeName(sentence(one.reason), { limit: 400 }),
        ),
      ),
    ),
  ];
}

function notesPart(notes) {
  if (!notes?.length) return null;
  return [
    el("h3", {}, "To know before applying"),
    el(
      "ul",
      {},
      notes.map((note) => el("li", {}, spoken(note))),
    ),
  ];
}

function reductionSums({ entry }) {
  const { reduction } = entry;
  return el(
    "p",
    {},
    "Removes ",
    el("b", {}, count(reduction.removes, "permission")),
    ", keeps ",
    el("b", {}, num(reduction.keeps)),
    ": those used, those that could not be seen, and those whose condition could not be decided.",
  );
}

// When nothing was checked for one and the same reason, that is said once.
function proofParts(proof) {
  const claims = CLAIMS.map(([key]) => proof[key]);
  const [first] = claims;
  if (claims.every((claim) => claim.status === "undecided" && claim.reason === first.reason)) {
    return el(
      "p",
      {},
      "None of the five claims (replay, containment, limits, backtest, restore) was decided",
      first.reason ? [": ", wholeName(sentence(first.reason), { limit: 400 })] : ".",
    );
  }
  return proofTable(proof).node;
}

const DISPOSITION_TITLES = {
  __proto__: null,
  safe: "Can be applied as it stands.",
  review: "Offered for review.",
  none: "None offered.",
};

function nameList(names) {
  const shown = names.slice(0, 30).map((one) => el("li", {}, mono(one, 120)));
  if (names.length > 30)
    shown.push(
      el(
        "li",
        {},
        lazyFold(`${num(names.length - 30)} more`, () =>
          el(
            "ul",
            { class: "names" },
            names.slice(30).map((one) => el("li", {}, mono(one, 120))),
          ),
        ),
      ),
    );
  return el("ul", { class: "names" }, shown);
}

function claimDetail(key, claim) {
  const said = [];
  if (key === "replay" && claim.requests)
    said.push(`${count(claim.requests, "recorded request")} replayed. `);
  else if (key === "replay" && claim.status === "proved")
    said.push("No call of this identity is on record, so there was nothing to replay. ");
  if (key === "backtest" && claim.days) said.push(backtestText(claim));
  if (claim.reason) said.push(wholeName(sentence(claim.reason), { limit: 400 }));
  if (claim.witness) said.push(" Counter-example: ", mono(claim.witness));
  if (claim.refused?.length) said.push(" Would be refused: ", nameList(claim.refused));
  return said.length ? said : none("—");
}

function backtestText(claim) {
  const cut = `Cut ${count(claim.days, "day")} earlier: `;
  if (!claim.requests) return cut + "no call has been made since, so none could have been refused. ";
  return (
    cut +
    `${num(claim.refused)} of ${count(claim.requests, "request")} refused since, ` +
    `${count(claim.identities_broken, "identity", "identities")} broken. `
  );
}

function proofTable(proof) {
  return makeTable({
    class: "proof",
    caption: "Five claims, each checked by machine",
    columns: [
      {
        key: "claim",
        label: "Claim",
        header: true,
        cell: ([, title, means]) => [el("b", {}, title), el("span", { class: "under" }, means)],
      },
      {
        key: "status",
        label: "Result",
        cell: ([key]) =>
          pill(
            name(proof[key].status, { limit: 20 }),
            proof[key].status === "proved"
              ? "pill-good"
              : proof[key].status === "refuted"
                ? "pill-bad"
                : "pill-quiet",
          ),
      },
      { key: "detail", label: "Detail", class: "wide", cell: ([key]) => claimDetail(key, proof[key]) },
    ],
    rows: CLAIMS,
  });
}

// The document that one replaces: its own step says so, or the step that takes another away for it.
// Commands do not replace commands.
function replaced(reduction, artifact) {
  if (artifact.form !== "json") return null;
  const { rollback, changes } = reduction;
  const place = reduction.artifacts.indexOf(artifact);
  const step = changes.find((one) => one.document === place);
  const here = rollback.filter((one) => one.form === "json" && one.applies_to === artifact.applies_to);
  // A report without steps pairs by name.
  if (!step) return here.find((one) => one.name === artifact.name) ?? here[0] ?? null;
  if (step.previous !== null) return rollback[step.previous] ?? null;
  const leaving = changes.filter((one) => one.document === null && one.previous !== null);
  const named = leaving.find((one) => one.note.includes(JSON.stringify(step.target)));
  if (named) return rollback[named.previous] ?? null;
  const left = here.filter((one) => leaving.some((taken) => rollback[taken.previous] === one));
  return left.length === 1 ? left[0] : null;
}

function artifactList(title, artifacts, before = () => null) {
  if (!artifacts.length) return null;
  return [el("h3", {}, title), artifacts.map((artifact) => artifactFold(artifact, before(artifact)))];
}

function artifactFold(artifact, before) {
  const label = [
    name(artifact.name, { limit: 240 }),
    " ",
    el("span", { class: "quiet" }, name(artifact.form, { limit: 40 })),
  ];
  return lazyFold(
    label,
    () => [
      artifact.applies_to ? el("p", {}, "Applies to ", mono(artifact.applies_to)) : null,
      el("p", {}, copyButton("Copy", artifact.content)),
      before && before.content !== artifact.content ? diffTable(before.content, artifact.content, artifact.name) : null,
      codeBlock(artifact.content),
    ],
    "artifact",
  );
}

// Code keeps its line ends and tabs; every other hidden character is shown.
function codeBlock(content) {
  const code = el("code", {});
  addVisibleLines(code, content);
  return el("pre", { tabindex: "0" }, code);
}

function addVisibleLines(node, content) {
  content.split("\n").forEach((line, index) => {
    if (index) node.append("\n");
    line.split("\t").forEach((piece, at) => {
      if (at) node.append("\t");
      addVisible(node, piece);
    });
  });
}
