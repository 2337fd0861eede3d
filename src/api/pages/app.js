// The dashboard: who is signed in, which view is shown, and what all views share.

import { alertVoice, showAlerts } from "./alerts.js";
import { ask, get, onSignedOut } from "./api.js";
import { showCall } from "./call.js";
import { showCalls } from "./calls.js";
import { choice, el, mark, replace, say } from "./dom.js";
import { chooseLanguage, keep, kept, language, languages, setLanguage, t, word } from "./i18n.js";
import { follow, LiveFeed } from "./live.js";
import { showMe } from "./me.js";
import { showOverview } from "./overview.js";
import { trouble } from "./problems.js";
import { showRecording } from "./recording.js";
import { showRecordings } from "./recordings.js";
import { showRequests } from "./requests.js";
import { showSignIn } from "./sign_in.js";
import { showUsers } from "./users.js";

/** Views by the first part of the address, in the order of the navigation, with what they take. */
const VIEWS = [
  ["live", ["see_live_calls"]],
  ["recordings", ["list_recordings"]],
  ["alerts", ["see_alerts"]],
  ["overview", ["list_recordings"]],
  ["requests", ["read_retention", "place_holds", "read_erasures", "request_erasure"]],
  ["users", ["list_users", "list_tokens"]],
];
/** A session that is used is kept up, at most so often. */
const KEEP_UP = 60_000;

const app = document.getElementById("app");
const main = el("main", { id: "main", tabindex: "-1" });
const banner = el("p", { class: "banner", role: "alert", hidden: true });
let me = null;
let feed = null;
let closeView = null;
let closing = [];
let voice = null;
const watched = new Set();

const may = (permission) => me?.permissions.includes(permission) ?? false;
const go = (hash) => {
  if (location.hash === hash) show();
  else location.hash = hash;
};

function setTheme(name) {
  if (name === "light" || name === "dark") document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  dispatchEvent(new Event("hushgate-theme"));
}

function frame() {
  const nav = me && el(
    "nav", { "aria-label": t("nav.title") },
    VIEWS.filter(([, takes]) => takes.some(may)).map(([name]) => el("a", { href: `#/${name}`, "data-view": name }, t(`nav.${name}`))),
  );
  const theme = choice(
    { "aria-label": t("nav.theme"), onchange: () => { keep("theme", theme.value); setTheme(theme.value); } },
    ["auto", "light", "dark"].map((name) => [name, t(`theme.${name}`)]), kept("theme") ?? "auto",
  );
  const tongue = choice(
    { "aria-label": t("nav.language"), "data-do": "language", onchange: () => { keep("language", tongue.value); setLanguage(tongue.value); again(); } },
    languages, language(),
  );
  const who = me && [
    el("a", { href: "#/me", "data-view": "me" }, `${me.name} · ${word("role", me.role)}`),
    el("button", { type: "button", "data-do": "sign-out", onclick: () => leave() }, t("nav.sign_out")),
  ];
  voice?.close();
  voice = feed && may("see_alerts") ? alertVoice(feed) : null;
  replace(
    app,
    el("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); main.focus(); } }, t("nav.skip")),
    el("header", {}, el("a", { class: "brand", href: "#/" }, "hushgate"), nav, el("div", { class: "who" }, who, tongue, theme)),
    banner, main, voice?.element,
  );
}

/** Shows the view that the address names. With `anew` the frame too, as when the language is another. */
function show(anew = false) {
  closeView?.();
  closeView = null;
  watched.clear();
  if (anew) frame();
  if (!me) return;
  const [where, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = where.split("/").map(unescaped);
  const allowed = VIEWS.filter(([, takes]) => takes.some(may)).map(([name]) => name);
  const view = parts[0] === "me" || allowed.includes(parts[0]) ? parts[0] : allowed[0] ?? "me";
  for (const link of app.querySelectorAll("[data-view]")) mark(link, "aria-current", link.dataset.view === view ? "page" : null);
  mark(main, "data-view", view);
  const context = { me, may, feed, go, params: new URLSearchParams(search), call: parts[1], signOut: leave, connection };
  if (feed) connection(feed);
  closeView = open(view, parts[1])?.(main, context) ?? null;
  const title = main.querySelector("h1")?.textContent;
  document.title = title ? `${title} – hushgate` : "hushgate";
}

/** The same once more, in another language. */
function again() {
  if (me) show(true);
  else out("");
}

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function open(view, name) {
  if (name) return { live: showCall, recordings: showRecording }[view] ?? open(view);
  return {
    live: showCalls, recordings: showRecordings, alerts: showAlerts, overview: showOverview, requests: showRequests, users: showUsers, me: showMe,
  }[view];
}

/** Says when what is shown is old: one of the feeds that it comes from is not connected. */
function connection(of) {
  watched.add(of);
  const is_old = [...watched].some((each) => each.started && !each.connected && !each.closed);
  banner.hidden = !is_old;
  say(banner, is_old ? t("banner.lost") : "");
}

function enter(who) {
  me = who;
  if (may("see_live_calls")) {
    feed = new LiveFeed();
    const own = feed;
    closing.push(follow(own, (type) => ["connection", "problem"].includes(type) && connection(own)));
    feed.start();
  }
  show(true);
  main.focus({ preventScroll: true });
}

/** Ends what was begun, and shows the sign-in form. */
function out(note) {
  closeView?.();
  closeView = null;
  closing.forEach((close) => close());
  closing = [];
  feed?.stop();
  feed = null;
  const was_in = me !== null;
  me = null;
  watched.clear();
  banner.hidden = true;
  frame();
  mark(main, "data-view", "sign-in");
  showSignIn(main, { done: enter, note: note ?? (was_in ? t("sign_in.expired") : "") });
}

async function leave(note = t("sign_in.out")) {
  await ask("POST", "/api/v1/sign-out", {}, { expires: false }).catch(() => {});
  history.replaceState(null, "", location.pathname + location.search);
  out(typeof note === "string" ? note : t("sign_in.out"));
}

// Who works with the page stays signed in; a page that is only left open does not keep its session.
let used = 0;
let keptUp = Date.now();
for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => { used = Date.now(); }, { passive: true });
setInterval(() => {
  if (!me || used < keptUp) return;
  keptUp = Date.now();
  get("/api/v1/me").catch(() => {});
}, KEEP_UP);

addEventListener("hashchange", () => {
  show();
  main.focus({ preventScroll: true });
});
onSignedOut(() => me && out());

chooseLanguage();
setTheme(kept("theme"));
frame();
if (document.body.dataset.session === "yes") {
  get("/api/v1/me", { expires: false }).then(enter, (problem) => {
    if (problem.status === 401) out("");
    else replace(main, trouble(problem));
  });
} else out("");
