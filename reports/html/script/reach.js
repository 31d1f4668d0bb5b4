// The reach map: who may become the identity, and which data, models, powers and identities it touches.

// Who may become the identity, the identity, and what it touches: read from left to right.
function reachSection(model, { entry }) {
  const classes = [
    ...REACH_CLASSES.keys(),
    ...Object.keys(entry.reach)
      .filter((key) => !REACH_CLASSES.has(key))
      .sort(),
  ].filter((key) => entry.reach[key] && (entry.reach[key].granted || entry.reach[key].used));
  return [
    basis(model, " · named resources are those the logs show it used; what it could reach may be more"),
    el(
      "div",
      { class: "reach" },
      el(
        "div",
        { class: "reach-from" },
        el("h3", {}, "May act as it"),
        entry.trusted.length ? trustedList(entry.trusted) : el("p", {}, none("nobody named in the evidence")),
      ),
      el(
        "div",
        { class: "reach-self" },
        el(
          "p",
          {},
          name(entry.name || entry.id, { limit: 60 }),
          el("span", { class: "under" }, name(entry.kind)),
        ),
      ),
      el(
        "div",
        { class: "reach-to" },
        el("h3", {}, "Can reach"),
        classes.length
          ? el(
              "ul",
              {},
              classes.map((key) => reachCard(key, entry.reach[key])),
            )
          : el("p", {}, none("no class of reach known")),
      ),
    ),
  ];
}

function trustedList(trusted) {
  const shown = trusted.slice(0, 30).map((one) => el("li", {}, mono(one, 90)));
  const rest = trusted.slice(30);
  if (!rest.length) return el("ul", {}, shown);
  return [
    el("ul", {}, shown),
    lazyFold(`${num(rest.length)} more`, () =>
      el(
        "ul",
        {},
        rest.map((one) => el("li", {}, mono(one, 90))),
      ),
    ),
  ];
}

function reachCard(key, reach) {
  const [label, means] = REACH_CLASSES.get(key) ?? [null, ""];
  const total = Math.max(reach.resources_total, reach.resources.length);
  return el(
    "li",
    { class: reach.used ? "reach-used" : "reach-granted" },
    el(
      "p",
      { class: "reach-name" },
      el("b", {}, label ?? name(key, { limit: 60 })),
      means ? el("span", { class: "quiet" }, ` ${means}`) : "",
    ),
    reachBar(reach.granted, reach.used),
    el("p", {}, el("b", {}, num(reach.used)), ` used of `, el("b", {}, num(reach.granted)), " granted"),
    total
      ? el(
          "details",
          { class: "resources" },
          el("summary", {}, count(total, "resource"), " seen"),
          el(
            "ul",
            { class: "names" },
            reach.resources.map((resource) => el("li", {}, mono(resource, 120))),
          ),
          total > reach.resources.length
            ? el("p", { class: "quiet" }, `${num(total - reach.resources.length)} more are not listed here`)
            : "",
        )
      : null,
  );
}
