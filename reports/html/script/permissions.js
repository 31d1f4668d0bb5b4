// Granted beside used of one identity, by service and down to each permission's reason.

function permissionsSection(model, identity) {
  const services = servicesOf(model, identity);
  if (!services.length) return el("p", {}, none("No permission could be read for this identity."));
  const reasonOf = reasonFinder(model, identity);
  const usage = new Map(usageByPermission(identity).map((row) => [row.permission, row]));
  return [
    basis(model, " · each bar is the whole of one service; parts below 1 % are drawn 1 % wide"),
    permissionSearch(services, reasonOf, usage),
    makeTable({
      class: "services",
      caption: "Services, most granted first",
      columns: [
        {
          key: "service",
          label: "Service",
          header: true,
          cell: (row) => name(row.service, { limit: 60, mono: true }),
          value: (row) => row.service,
        },
        {
          key: "granted",
          label: "Granted",
          numeric: true,
          descending: true,
          cell: (row) => num(row.granted),
          value: (row) => row.granted,
        },
        {
          key: "bar",
          label: "Used, denied, unused, not observable, conditional",
          class: "picture",
          cell: (row) => [verdictBar(row.counts), verdictNumbers(row.counts)],
        },
        {
          key: "used",
          label: "Share used",
          numeric: true,
          descending: true,
          cell: (row) => percent(row.counts.used, row.granted),
          value: (row) => (row.granted ? row.counts.used / row.granted : 0),
        },
      ],
      rows: services,
      expand: (row) => permissionLists(row, reasonOf, usage),
      expandLabel: (row) => `Permissions of ${plain(row.service, 40)}`,
    }).node,
  ];
}

// Group one service's names by verdict and by the reason of the verdict.
function permissionLists(row, reasonOf, usage) {
  return VERDICTS.filter((verdict) => row.lists[verdict].length).map((verdict) => {
    const groups = new Map();
    for (const permission of row.lists[verdict]) {
      const reason = reasonOf(verdict, permission, row.service);
      if (!groups.has(reason)) groups.set(reason, []);
      groups.get(reason).push(permission);
    }
    return [...groups].map(([reason, names]) =>
      el(
        "div",
        { class: "permission-group" },
        el("h3", {}, swatch(verdict), ` ${num(names.length)} ${VERDICT_WORDS[verdict]}`),
        reason ? reasonText(reason) : null,
        permissionNames(names, usage),
      ),
    );
  });
}

function reasonText(reason) {
  return el(
    "p",
    { class: "reason" },
    wholeName(sentence(reason.reason), { limit: 500 }),
    reason.fix
      ? [" ", el("b", {}, "What would show it:"), " ", fixText(reason.fix)]
      : "",
    " ",
    el("code", {}, name(reason.code, { limit: 60 })),
  );
}

const NAMES_AT_ONCE = 300;

function permissionNames(names, usage) {
  const list = el("ul", { class: "permissions" });
  const add = (from, to) =>
    append(
      list,
      names.slice(from, to).map((permission) => {
        const used = usage.get(permission);
        return el(
          "li",
          {},
          name(permission, { limit: 120, mono: true }),
          used ? el("span", { class: "quiet" }, ` ${usageWords(used)}`) : "",
        );
      }),
    );
  add(0, NAMES_AT_ONCE);
  if (names.length <= NAMES_AT_ONCE) return list;
  const more = el("button", { type: "button" }, `Show the other ${num(names.length - NAMES_AT_ONCE)}`);
  more.addEventListener("click", () => {
    add(NAMES_AT_ONCE, names.length);
    more.remove();
  });
  return [list, more];
}

function usageWords(row) {
  const calls =
    row.denied === row.count
      ? `${num(row.count)} refused`
      : `${num(row.count)} ×${row.denied ? `, ${num(row.denied)} refused` : ""}`;
  return `${calls}, ${row.first && dayOf(row.first) !== dayOf(row.last) ? dayOf(row.first) + " to " : ""}${dayOf(row.last)}`;
}

// Type a permission, read its verdict and why.
function permissionSearch(services, reasonOf, usage) {
  const box = el("input", {
    type: "search",
    id: "permission-query",
    autocomplete: "off",
    spellcheck: "false",
  });
  const answer = el("div", { class: "answer" });
  const said = el("p", { role: "status", class: "quiet" });
  const show = () => {
    const wanted = box.value.trim().toLowerCase();
    const found = wanted ? matchingPermissions(services, wanted) : [];
    said.textContent = wanted
      ? found.length
        ? `${count(found.length, "permission")}`
        : "Not held: no grant read gives it and no call to it was seen."
      : "";
    answer.replaceChildren(found.length ? permissionTable(found, reasonOf, usage) : "");
  };
  box.addEventListener("input", show);
  return el("div", { class: "permission-search" }, el("label", {}, "Find a permission ", box), said, answer);
}

function matchingPermissions(services, wanted) {
  return services.flatMap((row) =>
    VERDICTS.flatMap((verdict) =>
      row.lists[verdict]
        .filter((permission) => permission.toLowerCase().includes(wanted))
        .map((permission) => ({ permission, verdict, service: row.service })),
    ),
  );
}

function permissionTable(found, reasonOf, usage) {
  return makeTable({
    caption: "Permissions found",
    pageSize: 10,
    columns: [
      {
        key: "permission",
        label: "Permission",
        header: true,
        cell: (row) => mono(row.permission),
        value: (row) => row.permission,
      },
      {
        key: "verdict",
        label: "Verdict",
        cell: (row) => verdictBadge(row.verdict),
        value: (row) => VERDICTS.indexOf(row.verdict),
      },
      {
        key: "why",
        label: "Why",
        class: "wide",
        cell: (row) => {
          const used = usage.get(row.permission);
          const reason = reasonOf(row.verdict, row.permission, row.service);
          return [
            used ? usageWords(used) + " " : "",
            reason ? reasonText(reason) : used ? "" : none("no reason recorded"),
          ];
        },
      },
    ],
    rows: found,
  }).node;
}
