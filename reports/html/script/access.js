// How one identity acts: its credentials, its written grants, and its calls over the window.

function credentialsSection(model, { entry }) {
  if (!entry.credentials.length) return el("p", {}, none("No key, secret or certificate in the evidence."));
  return [
    basis(
      model,
      " · uses are calls seen in the logs given; last use is the cloud's or the logs' word, whichever is later",
    ),
    makeTable({
      caption: "Keys, secrets and certificates",
      columns: [
        {
          key: "id",
          label: "Credential",
          header: true,
          class: "wide",
          cell: (one) => mono(one.id, 80),
          value: (one) => one.id,
        },
        {
          key: "kind",
          label: "Kind",
          class: "some",
          cell: (one) => name(one.kind),
          value: (one) => one.kind,
        },
        {
          key: "status",
          label: "Status",
          class: "brief plain",
          cell: (one) => pill(name(one.status, { limit: 20 }), one.status === "active" ? "" : "pill-quiet"),
          value: (one) => one.status,
        },
        {
          key: "age",
          label: "Age",
          class: "brief",
          numeric: true,
          descending: true,
          cell: (one) =>
            one.age_days === null || one.age_days === undefined
              ? none("unknown")
              : count(one.age_days, "day"),
          value: (one) => one.age_days ?? -1,
        },
        {
          key: "expires",
          label: "Expires",
          class: "nowrap brief",
          cell: (one) => (one.expires ? dayOf(one.expires) : none(one.long_lived ? "never" : "not stated")),
          value: (one) => one.expires,
        },
        {
          key: "last",
          label: "Last used",
          class: "nowrap brief",
          descending: true,
          cell: (one) => (one.last_used ? dayOf(one.last_used) : none("no use seen or reported")),
          value: (one) => one.last_used,
        },
        {
          key: "uses",
          label: "Calls in the window",
          class: "brief",
          numeric: true,
          descending: true,
          cell: (one) => num(one.uses),
          value: (one) => one.uses,
        },
        {
          key: "long",
          label: "Long-lived",
          cell: (one) => (one.long_lived ? pill("long-lived", "pill-warn") : "no"),
          value: (one) => (one.long_lived ? 0 : 1),
        },
      ],
      rows: entry.credentials,
    }).node,
  ];
}

function grantsSection(model, { entry }) {
  if (!entry.grants.length) return el("p", {}, none("No written grant could be read for this identity."));
  return [
    basis(model, " · a grant is used when a call needed one of its permissions"),
    makeTable({
      caption: "Grants and where each is written",
      columns: [
        {
          key: "name",
          label: "Grant",
          header: true,
          class: "wide",
          value: (grant) => grant.name.toLowerCase(),
          cell: (grant) => [
            el("b", {}, wholeName(grant.name || grant.id)),
            grant.effect === "deny" ? [" ", pill("deny")] : "",
            grant.admin ? [" ", pill("admin", "pill-warn")] : "",
            grant.shared ? [" ", pill("shared", "pill-quiet")] : "",
            el("span", { class: "under" }, "written in ", mono(grant.source, 120)),
            grant.admin ? el("span", { class: "under" }, "administrator: ", name(grant.admin)) : "",
          ],
        },
        {
          key: "scope",
          label: "Scope",
          class: "wide",
          cell: (grant) => mono(grant.scope, 120),
          value: (grant) => grant.scope,
        },
        {
          key: "conditions",
          label: "Condition",
          class: "some",
          cell: (grant) => (grant.conditions ? mono(grant.conditions, 120) : none("none")),
          value: (grant) => (grant.conditions ? 0 : 1),
        },
        {
          key: "permissions",
          label: "Permissions",
          class: "brief",
          numeric: true,
          descending: true,
          cell: (grant) => num(grant.permissions),
          value: (grant) => grant.permissions,
        },
        {
          key: "verdict",
          label: "Verdict",
          class: "brief",
          cell: (grant) => verdictBadge(grant.verdict),
          value: (grant) => grant.verdict,
        },
        {
          key: "last",
          label: "Last used",
          class: "nowrap brief",
          descending: true,
          cell: (grant) =>
            grant.last_used
              ? dayOf(grant.last_used)
              : none(grant.verdict === "unobservable" ? "not observable" : "no use seen"),
          value: (grant) => grant.last_used,
        },
      ],
      rows: entry.grants,
    }).node,
  ];
}

function usageSection(model, identity) {
  const { entry } = identity;
  const rows = usageByPermission(identity);
  if (!rows.length)
    return el(
      "p",
      {},
      none("No call by this identity in the logs given. Evidence says which logs those are."),
    );
  const cutShort = entry.usage_total > entry.usage.length;
  return [
    basis(
      model,
      cutShort ? ` · ${num(entry.usage.length)} of ${num(entry.usage_total)} usage rows are kept here` : "",
    ),
    makeTable({
      class: "usage",
      caption: "First to last call of each permission",
      columns: [
        {
          key: "permission",
          label: "Permission",
          header: true,
          class: "wide",
          cell: (row) => name(row.permission, { limit: 120, mono: true }),
          value: (row) => row.permission,
        },
        {
          key: "count",
          label: "Calls",
          class: "brief",
          numeric: true,
          descending: true,
          cell: (row) => num(row.count),
          value: (row) => row.count,
        },
        {
          key: "denied",
          label: "Refused",
          class: "brief",
          numeric: true,
          descending: true,
          cell: (row) => num(row.denied),
          value: (row) => row.denied,
        },
        {
          key: "first",
          label: "First",
          class: "nowrap brief",
          cell: (row) => (row.first ? dayOf(row.first) : none("unknown")),
          value: (row) => row.first,
        },
        {
          key: "last",
          label: "Last",
          class: "nowrap brief",
          descending: true,
          cell: (row) => (row.last ? dayOf(row.last) : none("unknown")),
          value: (row) => row.last,
        },
        {
          key: "span",
          label: `${dayOf(model.doc.window.start)} to ${dayOf(model.doc.window.end)}`,
          class: "picture",
          cell: (row) =>
            spanPicture(row.first, row.last, model.doc.window, row.count > 0 && row.denied === row.count),
        },
      ],
      rows,
      sort: "-last",
      expand: (row) => usageRows(row.rows),
      expandLabel: (row) => `Resources and credentials of ${plain(row.permission, 80)}`,
    }).node,
  ];
}

function usageRows(rows) {
  return makeTable({
    caption: "By resource and credential",
    columns: [
      {
        key: "resource",
        label: "Resource",
        header: true,
        class: "wide",
        cell: (row) => (row.resource ? mono(row.resource, 120) : none("not named in the log")),
        value: (row) => row.resource,
      },
      {
        key: "credential",
        label: "Credential",
        class: "some",
        cell: (row) => (row.credential ? mono(row.credential, 60) : none("session")),
        value: (row) => row.credential,
      },
      {
        key: "operation",
        label: "Operation",
        class: "some",
        cell: (row) => (row.operation ? name(row.operation, { limit: 80 }) : none("—")),
        value: (row) => row.operation,
      },
      {
        key: "via",
        label: "Via",
        class: "some",
        cell: (row) => (row.via ? name(row.via, { limit: 80 }) : none("direct")),
        value: (row) => row.via,
      },
      {
        key: "count",
        label: "Calls",
        numeric: true,
        descending: true,
        cell: (row) => num(row.count),
        value: (row) => row.count,
      },
      {
        key: "denied",
        label: "Refused",
        numeric: true,
        descending: true,
        cell: (row) => num(row.denied),
        value: (row) => row.denied,
      },
      {
        key: "first",
        label: "First",
        class: "nowrap",
        cell: (row) => minuteOf(row.first_seen),
        value: (row) => row.first_seen,
      },
      {
        key: "last",
        label: "Last",
        class: "nowrap",
        cell: (row) => minuteOf(row.last_seen),
        value: (row) => row.last_seen,
      },
    ],
    rows,
  }).node;
}
