// Elements are made by createElement and textContent only: no text of the report is ever parsed.

// Make an element. `props` sets attributes ("class", "scope", …), `on` listeners; children are nodes or strings.
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "on") for (const [type, run] of Object.entries(value)) node.addEventListener(type, run);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

const SVG = "http://www.w3.org/2000/svg";
function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, String(value));
  append(node, children);
  return node;
}

// Put text into a node with every hidden character shown as a mark.
function addVisible(node, text) {
  for (const piece of textPieces(text)) {
    if (piece.text !== undefined) node.append(piece.text);
    else node.append(el("span", { class: "mark", title: piece.title }, piece.mark));
  }
}

// Attacker-chosen text, isolated from the text around it; too long text keeps its head and tail.
function name(text, { limit = 160, mono = false } = {}) {
  const value = text === null || text === undefined ? "" : String(text);
  const node = el("bdi", { class: mono ? "name mono" : "name" });
  const [head, tail] = cut(value, limit);
  addVisible(node, head);
  if (tail !== undefined) {
    node.append(el("span", { class: "cut" }, ` … ${num(value.length)} characters … `));
    addVisible(node, tail);
  }
  return node;
}

// The same, with a fold that shows the whole of a long text. Not for use inside links and buttons.
function wholeName(text, options = {}) {
  const value = text === null || text === undefined ? "" : String(text);
  if (value.length <= (options.limit ?? 160)) return name(value, options);
  // A long name is laid out only when somebody asks for it.
  return lazyFold(
    name(value, options),
    () => {
      const whole = el("div", { class: "whole mono", dir: "auto" });
      addVisible(whole, value);
      return whole;
    },
    "long",
  );
}

// A fold that is filled when it is first opened. `fill` is kept on the element: printing calls it at once.
function lazyFold(label, fill, kind = null) {
  const fold = el("details", { class: kind }, el("summary", {}, label));
  fold.fill = () => {
    if (fold.children.length === 1) append(fold, [fill()]);
  };
  fold.addEventListener("toggle", () => fold.open && fold.fill());
  return fold;
}

// Our own words, in which `backticks` set code apart. They may hold the clouds' names, so they stay isolated.
function spoken(text, limit = 600) {
  const parts = text.split("`");
  if (text.length > limit || parts.length % 2 === 0) return wholeName(text, { limit });
  return el(
    "bdi",
    {},
    parts.map((piece, index) => {
      const node = index % 2 ? el("code", {}) : el("span", {});
      addVisible(node, piece);
      return node;
    }),
  );
}

// A change to make: what follows its words as JSON is set as code that can be copied.
const SHORT_ENTRY = 160;

function fixText(text) {
  const at = text.search(/\{"/u);
  const entry = at > 0 ? text.slice(at) : "";
  if (!entry.endsWith("}")) return spoken(text);
  const code = () => [
    el("p", { class: "entry" }, name(entry, { limit: 4000, mono: true })),
    copyButton("Copy", entry),
  ];
  return [
    spoken(text.slice(0, at).trimEnd()),
    entry.length <= SHORT_ENTRY ? code() : lazyFold("The entry", code, "fix"),
  ];
}

function mono(text, limit = 200) {
  return wholeName(text, { limit, mono: true });
}

// A word for "nothing here" that is never read as a verdict.
function none(words) {
  return el("span", { class: "none" }, words);
}

function severityBadge(severity) {
  const known = SEVERITIES.includes(severity) ? severity : "info";
  return el("span", { class: `sev sev-${known}` }, name(severity));
}

function verdictBadge(verdict) {
  const words = VERDICT_WORDS[verdict] ?? plain(verdict);
  return el("span", { class: "verdict-word" }, swatch(verdict), words);
}

function cloudWord(provider) {
  return PROVIDER_WORDS[provider] ?? name(provider, { limit: 40 });
}

function pill(text, kind = "") {
  return el("span", { class: `pill ${kind}` }, text);
}

// A short definition list from [term, node] pairs; pairs without a value are left out.
function facts(pairs, props = { class: "facts" }) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el(
    "dl",
    props,
    rows.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))),
  );
}

function announce(text) {
  document.getElementById("status").textContent = text;
}

// Copy through a hidden field and the old command: it also works from file:// and without the clipboard API.
function copyText(text) {
  const field = el("textarea", { class: "offscreen", "aria-hidden": "true", tabindex: "-1", readonly: true });
  const before = document.activeElement;
  field.value = text;
  document.body.append(field);
  field.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } finally {
    field.remove();
    if (before instanceof HTMLElement) before.focus();
  }
  return done;
}

function copyButton(label, text) {
  const button = el("button", { type: "button", class: "copy" }, label);
  button.addEventListener("click", () => {
    const done = copyText(typeof text === "function" ? text() : text);
    button.textContent = done ? "Copied" : "Select and copy by hand";
    announce(done ? "Copied" : "The browser refused to copy");
    setTimeout(() => (button.textContent = label), 2000);
  });
  return button;
}
