// A side-by-side comparison of two documents by lines.

// Beyond this many comparisons the middle is shown as replaced as a whole: a page must not hang.
const MOST_COMPARISONS = 4_000_000;
const CONTEXT_LINES = 3;

// Return [{left, right}] where a missing side is null: the longest common subsequence of lines stays paired.
function pairLines(left, right) {
  let head = 0;
  while (head < left.length && head < right.length && left[head] === right[head]) head += 1;
  let tail = 0;
  while (
    tail < left.length - head &&
    tail < right.length - head &&
    left.at(-1 - tail) === right.at(-1 - tail)
  )
    tail += 1;
  const middle = pairMiddle(left.slice(head, left.length - tail), right.slice(head, right.length - tail));
  const same = (line) => ({ left: line, right: line });
  return [...left.slice(0, head).map(same), ...middle, ...(tail ? left.slice(-tail).map(same) : [])];
}

function pairMiddle(left, right) {
  if (left.length * right.length > MOST_COMPARISONS) return pairBlocks(left, right);
  const wide = right.length + 1;
  const longest = new Uint32Array((left.length + 1) * wide);
  for (let at = left.length - 1; at >= 0; at -= 1) {
    for (let to = right.length - 1; to >= 0; to -= 1) {
      longest[at * wide + to] =
        left[at] === right[to]
          ? longest[(at + 1) * wide + to + 1] + 1
          : Math.max(longest[(at + 1) * wide + to], longest[at * wide + to + 1]);
    }
  }
  return walkPairs(left, right, longest, wide);
}

function walkPairs(left, right, longest, wide) {
  const rows = [];
  let gone = [];
  let come = [];
  const flush = () => {
    rows.push(...pairBlocks(gone, come));
    gone = [];
    come = [];
  };
  let at = 0;
  let to = 0;
  while (at < left.length || to < right.length) {
    if (at < left.length && to < right.length && left[at] === right[to]) {
      flush();
      rows.push({ left: left[at++], right: right[to++] });
    } else if (
      to >= right.length ||
      (at < left.length && longest[(at + 1) * wide + to] >= longest[at * wide + to + 1])
    )
      gone.push(left[at++]);
    else come.push(right[to++]);
  }
  flush();
  return rows;
}

function pairBlocks(gone, come) {
  return Array.from({ length: Math.max(gone.length, come.length) }, (_, index) => ({
    left: gone[index] ?? null,
    right: come[index] ?? null,
    changed: true,
  }));
}

// Leave a few unchanged lines around each change; longer stretches become one row {folded: n}.
function foldSame(rows) {
  const near = rows.map((_, index) =>
    rows.slice(Math.max(0, index - CONTEXT_LINES), index + CONTEXT_LINES + 1).some((row) => row.changed),
  );
  const shown = [];
  rows.forEach((row, index) => {
    if (near[index]) shown.push(row);
    else if (shown.at(-1)?.folded) shown.at(-1).folded += 1;
    else shown.push({ folded: 1 });
  });
  return shown;
}

// `title` names the region, so that several comparisons of a page can be told apart.
function diffTable(before, after, title) {
  return comparisonTable(pairLines(before.split("\n"), after.split("\n")), title);
}

function comparisonTable(rows, title) {
  const gone = rows.filter((row) => row.changed && row.left !== null).length;
  const come = rows.filter((row) => row.changed && row.right !== null).length;
  const body = foldSame(rows).map((row) =>
    row.folded
      ? el("tr", { class: "diff-fold" }, el("td", { colspan: 2 }, `${count(row.folded, "unchanged line")}`))
      : el("tr", {}, diffCell(row.left, row.changed, "gone"), diffCell(row.right, row.changed, "come")),
  );
  const table = el(
    "table",
    { class: "diff" },
    el("caption", {}, `Before and after: ${count(gone, "line")} taken out, ${num(come)} put in`),
    el(
      "thead",
      {},
      el("tr", {}, el("th", { scope: "col" }, "Present"), el("th", { scope: "col" }, "Replacement")),
    ),
    el("tbody", {}, body),
  );
  return el(
    "div",
    { class: "diff-wrap", tabindex: "0", role: "region", "aria-label": `Before and after: ${plain(title, 120)}` },
    table,
  );
}

function diffCell(line, changed, kind) {
  const cell = el("td", { class: changed && line !== null ? `diff-${kind}` : null });
  if (line === null) return cell;
  const tag = changed ? (kind === "gone" ? "del" : "ins") : "span";
  const inside = el(tag, {});
  addVisibleLines(inside, line);
  cell.append(inside);
  return cell;
}
