// The list of live calls: rows are made once and changed in place, in the order of urgency.

import { choice, el, field, mark, replace, say } from "./dom.js";
import { clock, number } from "./format.js";
import { want, unwant } from "./frames.js";
import { keep, kept, t, word } from "./i18n.js";
import { follow, LiveFeed } from "./live.js";
import { explain } from "./problems.js";
import { lamp, showLamp, STATES, urgency } from "./states.js";

/** Rows do not change places more often. */
const REORDER = 1_000;

export function showCalls(main, { feed, go }) {
  const rows = new Map();
  const wanted = { text: "", state: "", order: kept("order") ?? "urgency" };
  const dirty = new Set();
  let ordered = 0;
  let needsOrder = true;
  let problem = null;

  const heads = ["state", "call", "elapsed", "agent", "queue", "site", "hidden", "unexamined", "alerts"];
  const body = el("tbody");
  const list = el(
    "table", { class: "calls" },
    el("caption", { class: "unseen" }, t("live.title")),
    el("thead", {}, el("tr", {}, heads.map((name) => el("th", { scope: "col", class: `c-${name}` }, t(`live.${name}`))))),
    body,
  );
  const none = el("p", { class: "quiet", hidden: true }, t("live.none"));
  const sums = el("p", { class: "sums" });
  const held = el("p", { class: "quiet held" }, "");

  const text = el("input", {
    type: "search", autocomplete: "off", id: "calls-filter",
    oninput: () => {
      wanted.text = text.value.trim().toLowerCase();
      changed();
    },
  });
  const state = choice(
    { onchange: () => { wanted.state = state.value; changed(); } },
    [["", t("live.all_states")], ...STATES.map((name) => [name, word("state", name)])],
  );
  const order = choice(
    {
      onchange: () => {
        wanted.order = order.value;
        keep("order", order.value);
        changed();
      },
    },
    ["urgency", "elapsed", "agent", "queue", "site"].map((name) => [name, t(`order.${name}`)]), wanted.order,
  );
  replace(
    main,
    el("h1", {}, t("live.title")),
    sums,
    el("div", { class: "tools" }, field(t("live.filter"), text), field(t("live.state"), state), field(t("live.order"), order)),
    held, none, el("div", { class: "scrolls" }, list),
  );

  function changed() {
    needsOrder = true;
    ordered = 0;
    want(paint);
  }

  function makeRow(call) {
    const cells = Object.fromEntries(heads.map((name) => [name, el("td", { class: `c-${name}`, "data-head": t(`live.${name}`) })]));
    const light = lamp(call);
    cells.state.append(light);
    cells.call.append(el("a", { href: `#/live/${encodeURIComponent(call.call)}` }, call.call));
    say(cells.agent, call.agent);
    say(cells.queue, call.queue);
    say(cells.site, call.site);
    const element = el("tr", { "data-call": call.call, onclick: (event) => open(event, call.call) }, heads.map((name) => cells[name]));
    return { element, cells, light, shown: true };
  }

  function open(event, name) {
    if (!event.target.closest("a") && !getSelection().toString()) go(`#/live/${encodeURIComponent(name)}`);
  }

  function showRow(row, call) {
    showLamp(row.light, call);
    mark(row.element, "data-state", call.state);
    say(row.cells.elapsed, clock(LiveFeed.head(call)));
    say(row.cells.hidden, call.hidden_s > 0 ? number(call.hidden_s, 1) : "");
    const unexamined = (call.late_s ?? 0) + (call.failed_s ?? 0);
    say(row.cells.unexamined, unexamined > 0 ? number(unexamined, 1) : "");
    mark(row.cells.unexamined, "data-bad", unexamined > 0 || null);
    const lost = call.recorder_state === "failed" ? t("live.recorder_failed") : "";
    say(row.cells.alerts, [call.alerts > 0 ? String(call.alerts) : "", lost].filter(Boolean).join(" "));
    mark(row.cells.alerts, "data-bad", call.alerts > 0 || lost !== "" || null);
  }

  const matches = (call) => {
    if (wanted.state && call.state !== wanted.state) return false;
    const where = [call.call, call.agent, call.queue, call.site, call.vendor].join("\n").toLowerCase();
    return where.includes(wanted.text);
  };

  function compare(a, b) {
    const by = {
      urgency: () => urgency(a) - urgency(b),
      elapsed: () => b.head - a.head,
    }[wanted.order] ?? (() => (a[wanted.order] ?? "").localeCompare(b[wanted.order] ?? ""));
    return by() || a.began.localeCompare(b.began) || a.call.localeCompare(b.call);
  }

  // Rows stay where they are while somebody points at one or has the focus in one.
  const isHeld = () => body.matches(":hover") || body.contains(document.activeElement);

  function putInOrder(now) {
    const has_new = [...feed.calls.keys()].some((name) => !rows.get(name)?.element.isConnected && matches(feed.calls.get(name)));
    const waits = isHeld() && !has_new && ordered !== 0;
    say(held, waits && wanted.order === "urgency" ? t("live.held") : "");
    if (waits || now - ordered < REORDER) return;
    ordered = now;
    needsOrder = false;
    const shown = [...feed.calls.values()].filter(matches).sort(compare);
    const wantedRows = shown.map((call) => rows.get(call.call)?.element).filter(Boolean);
    const keeps = new Set(wantedRows);
    for (const row of [...body.children]) if (!keeps.has(row)) row.remove();
    wantedRows.forEach((row, at) => {
      if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
    });
    none.hidden = wantedRows.length > 0;
    say(none, problem ? explain(problem) : t(feed.calls.size ? "live.none_match" : feed.started ? "live.none" : "loading"));
  }

  function paint(now) {
    for (const name of dirty) {
      const call = feed.calls.get(name);
      if (!call) {
        rows.get(name)?.element.remove();
        rows.delete(name);
        continue;
      }
      let row = rows.get(name);
      if (!row) {
        row = makeRow(call);
        rows.set(name, row);
        needsOrder = true;
      }
      showRow(row, call);
    }
    dirty.clear();
    if (needsOrder) putInOrder(now);
    if (needsOrder) want(paint);
    showSums();
  }

  function showSums() {
    const counts = new Map();
    for (const call of feed.calls.values()) counts.set(call.state, (counts.get(call.state) ?? 0) + 1);
    const parts = STATES.filter((name) => counts.get(name)).map((name) => `${word("state", name)} ${counts.get(name)}`);
    say(sums, [t("live.count", { n: feed.calls.size }), ...parts].join(" · "));
  }

  function all() {
    for (const name of [...feed.calls.keys(), ...rows.keys()]) dirty.add(name);
    changed();
  }

  const ends = follow(feed, (type, data) => {
    if (type === "problem" || type === "connection") {
      problem = type === "problem" ? data : null;
      changed();
    } else if (type === "reset") all();
    else if (data?.call && type !== "levels" && type !== "words") {
      dirty.add(data.call);
      needsOrder ||= ["began", "ended", "gone", "state", "alert"].includes(type);
      want(paint);
    }
  });
  const ticking = setInterval(() => {
    for (const name of rows.keys()) dirty.add(name);
    needsOrder = true;
    want(paint);
  }, 1_000);
  all();
  return () => {
    ends();
    clearInterval(ticking);
    unwant(paint);
  };
}
