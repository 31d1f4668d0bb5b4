// Start: read the data, show the view the fragment asks for, and follow it.

let MODEL = null;
let OVERVIEW = null;
let shownPath = null;

async function start() {
  try {
    MODEL = buildModel(await readIsland());
    OVERVIEW = makeOverview(MODEL, writeOverviewState);
    for (const node of document.querySelectorAll("[data-script]")) node.hidden = false;
    document.getElementById("loading").hidden = true;
    showRoute(true);
    window.addEventListener("hashchange", () => showRoute(false));
    startKeys();
    startPrint();
  } catch (error) {
    const loading = document.getElementById("loading");
    loading.hidden = false;
    loading.textContent = `The tables could not be shown: ${error.message}`;
    throw error;
  } finally {
    document.documentElement.dataset.ready = "yes";
    performance.mark("entdrift-ready");
  }
}

function writeOverviewState(view) {
  const { findings, identities } = view;
  const page = (table) => (table.state.page > 1 ? table.state.page : "");
  replaceHash(
    "#/overview" +
      writeQueryString({
        q: view.query,
        g: view.choice && !view.alike ? "0" : "",
        fs: findings.state.sort,
        fp: page(findings),
        is: identities.state.sort === "findings" ? "" : identities.state.sort,
        ip: page(identities),
      }),
  );
  markNavigation({ view: "overview", at: "" });
}

// The address of a view; what was searched for stays while the reader moves between the parts it concerns.
function viewAddress(view) {
  return `#/${view}` + (SEARCHED.has(view) ? writeQueryString({ q: OVERVIEW.query }) : "");
}

const SEARCHED = new Set(["overview", "unseen", "findings", "identities"]);

function showRoute(first) {
  // Links such as the skip link point into the page: they change no state.
  if (!first && !location.hash.startsWith("#/")) return;
  const route = readRoute(location.hash);
  const path = location.hash.split("?")[0];
  for (const view of VIEWS) document.getElementById(`view-${view}`).hidden = view !== route.view;
  showView(route);
  markNavigation(route);
  const moved = path !== shownPath;
  shownPath = path;
  placeFocus(route, first, moved);
}

function showView(route) {
  const { params } = route;
  let title = "Overview";
  if (route.view === "overview") {
    OVERVIEW.box.value = params.q ?? "";
    if (OVERVIEW.choice) {
      OVERVIEW.alike = params.g !== "0";
      OVERVIEW.choice.checked = OVERVIEW.alike;
    }
    OVERVIEW.findings.state.sort = params.fs ?? "";
    OVERVIEW.identities.state.sort = params.is ?? "findings";
    showQuery(OVERVIEW, params.q ?? "", Number(params.fp) || 1, Number(params.ip) || 1);
  } else if (route.view === "identity") {
    const identity = findIdentity(MODEL, route.rest);
    title = identity ? plain(identity.entry.name || identity.entry.id, 80) : "Not in this report";
    if (identity) showIdentity(MODEL, identity, params.q ?? OVERVIEW.query);
    else showNoIdentity(route.rest);
  } else if (route.view === "coverage") {
    title = "Coverage";
    showCoverage(MODEL);
  } else if (route.view === "drift") {
    title = "What changed";
    showDrift(MODEL);
  } else title = "Method";
  document.title = `${title} · entdrift`;
}

function markNavigation(route) {
  const current =
    route.view === "identity" ? "identities" : route.view === "overview" && route.at ? route.at : route.view;
  for (const link of document.querySelectorAll("#navigation a")) {
    link.setAttribute("href", viewAddress(link.dataset.view));
    if (link.dataset.view === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// After a step the reader stands at the heading of what was asked for; on load the page starts at its top.
function placeFocus(route, first, moved) {
  const section =
    route.at && document.getElementById(route.view === "identity" ? `at-${route.at}` : route.at);
  if (section) {
    section.querySelector("h1, h2")?.focus({ preventScroll: true });
    section.scrollIntoView();
    return;
  }
  if (first || !moved) return;
  window.scrollTo(0, 0);
  document.querySelector(`#view-${route.view} h1`)?.focus({ preventScroll: true });
}

const GO = {
  __proto__: null,
  o: "overview",
  u: "unseen",
  f: "findings",
  i: "identities",
  d: "drift",
  c: "coverage",
  m: "method",
};

function startKeys() {
  const help = document.getElementById("help");
  document.getElementById("help-open").addEventListener("click", () => help.showModal());
  document.getElementById("help-close").addEventListener("click", () => help.close());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const typing = event.target instanceof Element && event.target.closest("input, select, textarea");
    if (event.key === "Escape" && event.target === OVERVIEW.box) setQuery(OVERVIEW, "", writeOverviewState);
    if (typing || !document.getElementById("keys-on").checked) return;
    if (pressKey(event.key, help)) event.preventDefault();
  });
}

// Return whether the key meant something.
function pressKey(key, help) {
  if (key === "?") help.showModal();
  else if (key === "/") {
    if (document.getElementById("view-overview").hidden) location.hash = viewAddress("overview");
    // The view changes with the next event; the box takes the focus after it.
    setTimeout(() => OVERVIEW.box.focus(), 0);
  } else if (key === "j" || key === "k") stepRow(key === "j" ? 1 : -1);
  else if (key in GO) location.hash = viewAddress(GO[key]);
  else return false;
  return true;
}

// Move from row to row through the links of the tables that are shown.
function stepRow(by) {
  const links = [...document.querySelectorAll("main tbody .identity-link")].filter(
    (link) => link.offsetParent,
  );
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  links[Math.min(Math.max(at + by, 0), links.length - 1)].focus();
}

const MOST_PRINTED_FOLDS = 2_000;

function closedFolds() {
  return [...document.querySelectorAll("main details:not([open], .long)")].filter((fold) =>
    fold.checkVisibility(),
  );
}

// Print shows what folds and pages hide.
function startPrint() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    printTables(true);
    opened = [];
    // Folds hold folds.
    for (let closed = closedFolds(); closed.length && opened.length < MOST_PRINTED_FOLDS; closed = closedFolds()) {
      for (const fold of closed) {
        fold.fill?.();
        fold.open = true;
      }
      opened.push(...closed);
    }
  });
  window.addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
    printTables(false);
  });
}

start();
