// Small SVG pictures. Sizes are attributes, colours are classes: the page allows no style attributes.

// Parts are placed in percent, so a picture takes any width without its hatching being stretched.

// A part that exists is never drawn narrower than this share, so that one call among thousands stays visible.
const LEAST_PERCENT = 1;

// Return the share of each value in percent, small ones raised, the widest paying for it.
function shares(values) {
  const sum = values.reduce((left, right) => left + right, 0);
  if (!sum) return values.map(() => 0);
  const raised = values.map((value) => (value ? Math.max((100 * value) / sum, LEAST_PERCENT) : 0));
  raised[raised.indexOf(Math.max(...raised))] -= raised.reduce((left, right) => left + right, 0) - 100;
  return raised;
}

// Numbers always stand beside a picture as text, so the picture itself is hidden from screen readers.
function picture(kind, height, ...parts) {
  return svg("svg", { class: kind, width: "100%", height, "aria-hidden": "true", focusable: "false" }, parts);
}

function part(kind, left, width, height, top = 0) {
  return svg("rect", {
    class: `seg seg-${kind}`,
    x: left.toFixed(2) + "%",
    y: top,
    width: width.toFixed(2) + "%",
    height,
  });
}

// The stacked bar used / denied / unused / not observable / conditional.
function verdictBar(counts, { height = 12, kind = "bar" } = {}) {
  const widths = shares(VERDICTS.map((verdict) => counts[verdict] || 0));
  const parts = [];
  let left = 0;
  VERDICTS.forEach((verdict, index) => {
    if (!widths[index]) return;
    parts.push(part(verdict, left, widths[index], height));
    left += widths[index];
  });
  return picture(kind, height, parts.length ? parts : part("empty", 0, 100, height));
}

// A colour sample for legends and verdict words.
function swatch(verdict) {
  const known = VERDICTS.includes(verdict) ? verdict : "empty";
  return svg(
    "svg",
    { class: "swatch", width: 10, height: 10, "aria-hidden": "true", focusable: "false" },
    svg("rect", { class: `seg seg-${known}`, width: 10, height: 10 }),
  );
}

// The numbers of a bar as a list: it is the legend and the text alternative in one.
function verdictNumbers(counts, { zero = false } = {}) {
  const items = VERDICTS.filter((verdict) => zero || counts[verdict]).map((verdict) =>
    el("li", {}, swatch(verdict), el("b", {}, num(counts[verdict] || 0)), " " + VERDICT_WORDS[verdict]),
  );
  return el("ul", { class: "numbers" }, items.length ? items : el("li", {}, "0"));
}

// Granted beside used for one class of reach. The rest is left neutral: the document does not say
// by class whether it is unused or could not be seen.
function reachBar(granted, used) {
  const share = granted && used ? Math.max((100 * Math.min(used, granted)) / granted, LEAST_PERCENT) : 0;
  return picture("bar", 10, part("rest", 0, 100, 10), share ? part("used", 0, share, 10) : null);
}

// From first to last call inside the window; a row with refused calls only has the colour of denied.
function spanPicture(first, last, windowSpan, refused) {
  const start = Date.parse(windowSpan.start);
  const length = Date.parse(windowSpan.end) - start;
  // A margin on both sides keeps the end dots inside the picture.
  const place = (time) => 1 + 98 * Math.min(Math.max((Date.parse(time) - start) / length, 0), 1);
  const from = place(first);
  const to = place(last);
  if (!Number.isFinite(from) || !Number.isFinite(to)) return none("time unknown");
  const kind = refused ? "denied" : "used";
  const spot = (at) => svg("circle", { class: `seg-${kind}`, cx: at.toFixed(2) + "%", cy: 6, r: 3 });
  return picture(
    "span",
    12,
    svg("rect", { class: "axis", x: 0, y: 5.5, width: "100%", height: 1 }),
    svg("rect", {
      class: `seg-${kind}`,
      x: from.toFixed(2) + "%",
      y: 5,
      width: (to - from).toFixed(2) + "%",
      height: 2,
    }),
    spot(from),
    spot(to),
  );
}
