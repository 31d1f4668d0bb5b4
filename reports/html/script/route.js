// The URL fragment holds the whole state, so a link shows another reader the same view:
// #/overview?q=sev:high&fs=-severity&fp=2&is=unused&ip=1 · #/identity/aws/123456789012/arn… · #/coverage · #/method

const VIEWS = ["overview", "identity", "drift", "coverage", "method"];

function encodePart(text) {
  // A lone half of a surrogate pair cannot stand in a URL.
  return encodeURIComponent(text.toWellFormed ? text.toWellFormed() : text.replace(/\p{Cs}/gu, "\ufffd"));
}

function decodePart(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Very long or malformed ids go by their place in the report; all others by their own name.
function identityPath({ entry, index }) {
  const parts = [entry.provider, entry.account, entry.id];
  const fit = parts.every((part) => part.length <= 300 && !/\p{Cs}/u.test(part));
  return "/identity/" + (fit ? parts.map(encodePart).join("/") : `~${index}`);
}

function writeQueryString(params) {
  const pairs = Object.entries(params).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined,
  );
  return pairs.length
    ? "?" + pairs.map(([key, value]) => `${key}=${encodePart(String(value))}`).join("&")
    : "";
}

function readRoute(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/u, "").split("?", 2);
  const params = {};
  for (const pair of search.split("&")) {
    const cutAt = pair.indexOf("=");
    if (cutAt > 0) params[pair.slice(0, cutAt)] = decodePart(pair.slice(cutAt + 1));
  }
  const [view, ...rest] = path.split("/");
  if (view === "findings" || view === "identities" || view === "unseen")
    return { view: "overview", at: view, params, rest: [] };
  return {
    view: VIEWS.includes(view) ? view : "overview",
    at: params.at ?? "",
    params,
    rest: rest.map(decodePart),
  };
}

function findIdentity(model, rest) {
  const [provider = "", account = "", id = ""] = rest;
  const place = /^~(\d+)$/u.exec(provider);
  if (place) return model.identities[Number(place[1])] ?? null;
  return model.byKey.get(identityKey(provider, account, id)) ?? null;
}

// Write state into the fragment without adding a step to the browser's history.
function replaceHash(hash) {
  history.replaceState(null, "", hash);
}
