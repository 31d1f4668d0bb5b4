// What is written alike in several accounts: one row for all, with its accounts below. Only in pages that have some.

const ACCOUNTS_AT_ONCE = 60;

// Return the rows with those of one group together, in the place of the first.
function rowsAlike(rows) {
  const firsts = new Map();
  const found = [];
  for (const row of rows) {
    const first = row.entry.group ? firsts.get(row.entry.group) : undefined;
    if (first) {
      first.members.push(row);
      continue;
    }
    const own = row.entry.group ? { ...row, members: [row], worst: undefined } : row;
    if (row.entry.group) firsts.set(row.entry.group, own);
    found.push(own);
  }
  for (const row of firsts.values())
    if (row.findings) row.findings = row.members.flatMap((member) => member.findings);
  return found;
}

function accountsOf(row) {
  return new Set(row.members.map(({ entry }) => entry.account)).size;
}

function groupOf(model, entry) {
  model.groups ??= new Map((model.doc.groups ?? []).map((group) => [group.id, group]));
  return model.groups.get(entry?.group);
}

// "pilot-agent", and below it in how many accounts.
function alikeName(model, row, entry) {
  return [
    el("span", { class: "alike" }, name(groupOf(model, entry)?.name ?? entry.name ?? entry.id, { limit: 90 })),
    el("span", { class: "place" }, cloudWord(entry.provider), " · ", count(accountsOf(row), "account")),
  ];
}

// "575", or "403 to 435" where they differ.
function spreadOf(numbers) {
  const least = Math.min(...numbers);
  const most = Math.max(...numbers);
  return least === most ? num(least) : `${num(least)} to ${num(most)}`;
}

// Each word once, with how often where there are several: "190 open, 5 waived".
function wordsOf(words) {
  const found = new Map();
  for (const word of words) found.set(word, (found.get(word) ?? 0) + 1);
  if (found.size === 1) return [name(words[0], { limit: 40 })];
  return [...found].flatMap(([word, times], at) => [at ? ", " : "", `${num(times)} `, name(word, { limit: 40 })]);
}

function alikeAccounts(rows, link) {
  const items = (some) => some.map((row) => el("li", {}, link(row)));
  const first = el("ul", { class: "permissions" }, items(rows.slice(0, ACCOUNTS_AT_ONCE)));
  const rest = rows.slice(ACCOUNTS_AT_ONCE);
  return rest.length
    ? [first, lazyFold(`${num(rest.length)} more`, () => el("ul", { class: "permissions" }, items(rest)))]
    : first;
}

function accountLink(identity, entry, params) {
  return identity
    ? el(
        "a",
        { href: "#" + identityPath(identity) + writeQueryString(params) },
        name(entry.account || entry.id, { limit: 60 }),
      )
    : name(entry.account, { limit: 60 });
}

// Below a finding of several accounts: where, then the first of them as the example.
function alikeFinding(row) {
  return el(
    "div",
    { class: "finding-details" },
    lazyFold(`The same in ${count(accountsOf(row), "account")}; numbers and dates here are those of the first.`, () =>
      alikeAccounts(row.members, ({ identity, entry }) => accountLink(identity, entry, { at: "findings" })),
    ),
    findingDetails(row),
  );
}

// Below an identity of several accounts: what all of them can lose, and which accounts have which reduction.
function alikeIdentity(model, row) {
  const group = groupOf(model, row.entry);
  const byAccount = new Map();
  for (const member of row.members) {
    const held = byAccount.get(member.entry.account);
    if (held) held.push(member);
    else byAccount.set(member.entry.account, [member]);
  }
  return el(
    "div",
    { class: "finding-details" },
    el(
      "p",
      {},
      `Unused in all ${count(group.accounts.length, "account")}: ${num(group.unused_everywhere)} of ` +
        `${count(group.granted, "permission")}; ${num(group.unused_where_seen)} more wherever their use can be seen, ` +
        `${num(group.unused_somewhere)} in some accounts only. ` +
        "Where one template writes it, change it there: only what is unused in all of them can go there.",
    ),
    group.variants.map((variant) => {
      const members = variant.accounts.flatMap((account) => byAccount.get(account) ?? []);
      return members.length ? variantPart(variant, members) : "";
    }),
  );
}

function variantPart(variant, members) {
  const offer =
    variant.disposition === "none"
      ? "no reduction is offered"
      : `−${num(variant.removes)} ${DISPOSITION_WORDS[variant.disposition]}, ${num(variant.keeps)} stay`;
  return [
    el("p", {}, el("b", {}, `${count(members.length, "account")}: `), offer),
    alikeAccounts(members, (member) => accountLink(member, member.entry, {})),
  ];
}

// That the same stands in other accounts, and the search that shows them.
function alikeElsewhere(model, entry) {
  const group = groupOf(model, entry);
  const search = writeQueryString({ q: `name:"${entry.name}"`, g: "0" });
  return el(
    "p",
    {},
    `Written alike in ${count(group.accounts.length, "account")}; unused in all of them: ` +
      `${num(group.unused_everywhere)} of ${count(group.granted, "permission")}. `,
    entry.name === group.name ? el("a", { href: `#/identities${search}` }, "Show them all") : "",
  );
}
