// Small SVG pictures. Sizes are attributes, colours are classes: the page allows no style attributes.

const BAR_WIDTH = 240;
const BAR_HEIGHT = 12;

// Widths that fill `total`; what exists is never drawn thinner than `least`, so that one call stays visible.
function segmentWidths(values, total, least) {
  const sum = values.reduce((left, right) => left + right, 0);
  if (!sum) return values.map(() => 0);
  const raised = values.map((value) => (value ? Math.max((value / sum) * total, least) : 0));
  const over = raised.reduce((left, right) => left + right, 0) - total;
  const widest = raised.indexOf(Math.max(...raised));
  raised[widest] -= over;
  return raised;
}

// The stacked bar used / denied / unused / not observable / conditional. The numbers always stand beside
// it as text, so the picture itself is hidden from screen readers.
function verdictBar(counts, { width = BAR_WIDTH, height = BAR_HEIGHT } = {}) {
  const picture = svg("svg", {
    class: "bar", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true",
    focusable: "false", width, height,
  });
  const values = VERDICTS.map((verdict) => counts[verdict] || 0);
  const widths = segmentWidths(values, width, 3);
  let left = 0;
  VERDICTS.forEach((verdict, index) => {
    if (!widths[index]) return;
    // One unit between neighbours keeps the parts apart without relying on colour.
    const gap = left + widths[index] < width - 0.5 ? 1 : 0;
    picture.append(svg("rect", {
      class: `seg seg-${verdict}`, x: left.toFixed(2), y: 0,
      width: Math.max(widths[index] - gap, 1).toFixed(2), height,
    }));
    left += widths[index];
  });
  if (!left) picture.append(svg("rect", { class: "seg seg-empty", x: 0.5, y: 0.5, width: width - 1, height: height - 1 }));
  return picture;
}

// A colour sample for legends and verdict words.
function swatch(verdict) {
  const known = VERDICTS.includes(verdict) ? verdict : "empty";
  return svg("svg", { class: "swatch", viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true", focusable: "false" },
    svg("rect", { class: `seg seg-${known}`, width: 10, height: 10 }));
}

// The numbers of a bar as a list: it is the legend and the text alternative in one.
function verdictNumbers(counts, { zero = false } = {}) {
  const items = VERDICTS.filter((verdict) => zero || counts[verdict]).map((verdict) =>
    el("li", {}, swatch(verdict), el("b", {}, num(counts[verdict] || 0)), " " + VERDICT_WORDS[verdict]));
  return el("ul", { class: "numbers" }, items.length ? items : el("li", {}, "0"));
}

// Granted beside used for one class of reach. The rest is left neutral: the document does not say
// by class whether it is unused or could not be seen.
function reachBar(granted, used) {
  const width = 200;
  const share = granted ? Math.max((Math.min(used, granted) / granted) * width, used ? 3 : 0) : 0;
  return svg("svg", {
    class: "bar", viewBox: `0 0 ${width} 10`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false", width, height: 10,
  },
  svg("rect", { class: "seg seg-rest", x: 0.5, y: 0.5, width: width - 1, height: 9 }),
  share ? svg("rect", { class: "seg seg-used", x: 0, y: 0, width: share.toFixed(2), height: 10 }) : null);
}

// From first to last call inside the window; a refused-only row is drawn in the colour of denied.
function spanPicture(first, last, windowSpan, refused) {
  const width = 200;
  const start = Date.parse(windowSpan.start);
  const length = Date.parse(windowSpan.end) - start;
  const place = (time) => Math.min(Math.max(((Date.parse(time) - start) / length) * width, 0), width);
  const from = place(first);
  const to = place(last);
  if (!Number.isFinite(from) || !Number.isFinite(to)) return none("time unknown");
  const kind = refused ? "denied" : "used";
  const spot = (at) => svg("rect", { class: `seg seg-${kind}`, x: Math.min(at, width - 3).toFixed(1), y: 1, width: 3, height: 10 });
  return svg("svg", {
    class: "span", viewBox: `0 0 ${width} 12`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false", width, height: 12,
  },
  svg("rect", { class: "axis", x: 0, y: 5.5, width, height: 1 }),
  svg("rect", { class: `seg seg-${kind}`, x: from.toFixed(1), y: 4.5, width: Math.max(to - from, 1).toFixed(1), height: 3 }),
  spot(from), spot(to));
}
