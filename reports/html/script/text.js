// Text for people: visible marks for characters that hide or reorder text, numbers, dates.

// Characters that no honest name needs and that can hide, reorder or forge what is read: controls,
// invisible and blank letters, bidirectional overrides, line and paragraph separators, tag letters,
// and half surrogate pairs.
const HIDING = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u070f\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f" +
    "\\u2000-\\u200b\\u200e\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ue000-\\uf8ff\\ufe00-\\ufe0e" +
    "\\ufeff\\uffa0\\ufff0-\\ufffb\\ufffe\\uffff\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{10ffff}\\p{Cs}]" +
    // Joiners shape Persian, Indic and emoji text; beside ASCII, or at an end, they only forge names.
    "|(?<=^|[\\u0000-\\u007f])[\\u200c\\u200d]|[\\u200c\\u200d](?=$|[\\u0000-\\u007f])" +
    // Stacked accents climb over the neighbouring lines.
    "|(?<=\\p{M}{3})\\p{M}+",
  "gu",
);

const MARK_NAMES = new Map([
  [0x00, "null"],
  [0x07, "bell"],
  [0x08, "backspace"],
  [0x09, "tab"],
  [0x0a, "line feed"],
  [0x0d, "carriage return"],
  [0x1b, "escape"],
  [0xa0, "no-break space"],
  [0xad, "soft hyphen"],
  [0x200b, "zero width space"],
  [0x200c, "zero width non-joiner"],
  [0x200d, "zero width joiner"],
  [0x200e, "left-to-right mark"],
  [0x200f, "right-to-left mark"],
  [0x2028, "line separator"],
  [0x2029, "paragraph separator"],
  [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"],
  [0x202c, "pop directional formatting"],
  [0x202d, "left-to-right override"],
  [0x202e, "right-to-left override"],
  [0x2066, "left-to-right isolate"],
  [0x2067, "right-to-left isolate"],
  [0x2068, "first strong isolate"],
  [0x2069, "pop directional isolate"],
  [0xfeff, "byte order mark"],
]);

// Return how a hidden character is written: its code point, or a count for a run of accents.
function markText(found) {
  const code = found.codePointAt(0);
  if (/^\p{M}/u.test(found) && !MARK_NAMES.has(code) && code !== 0x34f) {
    return `+${[...found].length} accents`;
  }
  return "U+" + code.toString(16).toUpperCase().padStart(4, "0");
}

// Split text into plain pieces and marks: [{text}, {mark, title}, …].
function textPieces(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(HIDING)) {
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({
      mark: markText(match[0]),
      title: MARK_NAMES.get(match[0].codePointAt(0)) || "hidden character",
    });
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

// Return text with marks in square brackets, for places that hold no elements (options, titles).
function plain(text, limit = 160) {
  const shown = textPieces(cut(String(text), limit).join(" … "));
  return shown.map((piece) => piece.text ?? `[${piece.mark}]`).join("");
}

// Return [whole text] or, when it is too long to lay out, [head, tail].
function cut(text, limit) {
  if (text.length <= limit) return [text];
  const tail = Math.min(24, Math.floor(limit / 4));
  return [text.slice(0, limit - tail), text.slice(-tail)];
}

const NUMBER = new Intl.NumberFormat("en");
function num(value) {
  return NUMBER.format(value);
}

// Other parts' words as a sentence of its own: a full stop last, and a capital first if a plain word is first.
// Not for commands, which must stay as they are.
function sentence(text) {
  if (!text) return "";
  const first = /^[a-z]+ /u.test(text) ? text.charAt(0).toUpperCase() : text.charAt(0);
  return first + text.slice(1) + (/[.!?)\]}]$/u.test(text) ? "" : ".");
}

// "1 key", "2 keys"; the plural is given where an s does not make it.
function count(value, one, many = one + "s") {
  return `${num(value)} ${value === 1 ? one : many}`;
}

// Share in whole percent, never rounded to 0 or 100 when it is not.
function percent(part, whole) {
  if (!whole) return "0 %";
  const share = (100 * part) / whole;
  if (share > 0 && share < 1) return "< 1 %";
  if (share > 99 && share < 100) return "> 99 %";
  return Math.round(share) + " %";
}

const TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z$/;

// A time as date, or date and minute; text that is no time is shown as text.
function dayOf(time) {
  const match = TIME.exec(time);
  return match ? match[1] : plain(time, 40);
}
function minuteOf(time) {
  const match = TIME.exec(time);
  return match ? `${match[1]} ${match[2]} UTC` : plain(time, 40);
}

const SEVERITIES = ["critical", "high", "medium", "low", "info"];
const VERDICTS = ["used", "denied", "unused", "unobservable", "conditional"];
const VERDICT_WORDS = {
  __proto__: null,
  used: "used",
  denied: "denied",
  unused: "unused",
  unobservable: "not observable",
  conditional: "conditional",
  not_applicable: "not applicable",
};
const PROVIDER_WORDS = { __proto__: null, aws: "AWS", gcp: "GCP", azure: "Azure" };
const REACH_CLASSES = new Map([
  ["data", ["Data", "read, write or delete stored data"]],
  ["model", ["Models", "invoke, train or change models and agents"]],
  ["admin", ["Administration", "change accounts, settings or protection"]],
  ["identity", ["Identities", "become, create or empower other identities"]],
  ["network", ["Network", "open or redirect network paths"]],
  ["credential", ["Credentials", "create or read keys and secrets"]],
  ["logging", ["Logging", "change or stop what is recorded"]],
  ["destructive", ["Destruction", "delete or disable what others depend on"]],
]);
