// The agent's own view, small enough to stand in another page: whether this call is recorded or protected, why, how to
// pause, and what the supervisor writes.

import { get, onSignedOut } from "./api.js";
import { Controls, protection } from "./controls.js";
import { el, mark, replace, say } from "./dom.js";
import { clock, hour, kind } from "./format.js";
import { chooseLanguage, t } from "./i18n.js";
import { follow, LiveFeed } from "./live.js";
import { explain } from "./problems.js";
import { showSignIn } from "./sign_in.js";

const MINE = "@mine";
/** Who has a call is at work: their session is kept up, though nobody touches this page. */
const KEEP_UP = 60_000;

const app = document.getElementById("app");
let close = () => {};

function show(me) {
  const may = (permission) => me.permissions.includes(permission);
  if (!may("pause_recording") || !may("see_live_calls")) {
    replace(app, el("p", { class: "quiet" }, t("agent.none_of_yours")));
    return;
  }
  const lamp = el("p", { class: "big-lamp", role: "status" }, el("span", { class: "lamp", "aria-hidden": "true" }), el("strong", {}));
  const why = el("p", { class: "why" });
  const messages = el("ul", { class: "messages", "aria-live": "polite", "aria-label": t("agent.messages") });
  const controls = new Controls(MINE, { may: (permission) => permission === "pause_recording" });
  controls.ondone = take;
  replace(app, el("main", { class: "widget" }, lamp, why, controls.element, messages));

  const feed = new LiveFeed();
  const seen = new Set();
  let known = null;
  let asking = false;

  /** What is so, as the gateway said. */
  function take(told) {
    const name = told.state === "paused" ? "paused" : told.protected ? "protected" : "recording";
    mark(lamp, "data-lamp", name);
    say(lamp.lastChild, t(`agent.${name}`));
    const by = told.by ? t("agent.by", { by: told.by }) : "";
    const since = told.since !== null && told.since !== undefined ? t("agent.since", { at: clock(told.since) }) : "";
    const reason = told.why === "manual" ? t("agent.manual") : told.why ? kind(told.why) : "";
    say(why, [reason, by, since].filter(Boolean).join(" · "));
    controls.show(told);
    controls.element.hidden = false;
    for (const message of told.messages ?? []) {
      if (seen.has(message.id)) continue;
      seen.add(message.id);
      messages.prepend(el("li", {}, el("span", { class: "quiet" }, [hour(message.at), message.by].filter(Boolean).join(" · ")), " ", message.text));
    }
  }

  function nothing(words) {
    known = null;
    mark(lamp, "data-lamp", "none");
    say(lamp.lastChild, words);
    say(why, "");
    controls.element.hidden = true;
    seen.clear();
    replace(messages);
  }

  const mine = () => [...feed.calls.values()].filter((call) => call.state !== "ended");

  /** Asks what is so, if it is another than what is shown. */
  async function look(anyway = false) {
    const calls = mine();
    if (!calls.length) {
      nothing(t(feed.connected ? "agent.none" : "loading"));
      return;
    }
    const state = calls.map((call) => [call.call, call.state, call.why, call.by].join(" ")).join("\n");
    if (asking || (state === known && !anyway)) return;
    asking = true;
    try {
      take(await protection(MINE));
      known = state;
    } catch (problem) {
      if (problem.status !== 401 && problem.status !== 404) nothing(explain(problem));
    } finally {
      asking = false;
    }
  }

  const ends = follow(feed, (type, data) => {
    if (type === "problem") nothing(explain(data));
    else if (type === "connection" && !feed.connected) nothing(t("banner.lost"));
    else look(type === "message" || type === "connection");
  });
  const keeping = setInterval(() => mine().length && look(true), KEEP_UP);
  nothing(t("loading"));
  feed.start();
  close = () => {
    ends();
    clearInterval(keeping);
    feed.stop();
    controls.close();
    close = () => {};
  };
}

function signIn(note = "") {
  close();
  showSignIn(app, { done: show, note });
}

chooseLanguage();
onSignedOut(() => signIn(t("sign_in.expired")));
if (document.body.dataset.session === "yes") get("/api/v1/me", { expires: false }).then(show, () => signIn());
else signIn();
