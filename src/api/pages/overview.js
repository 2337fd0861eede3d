// Compliance at a glance: figures and charts of the calls of some days, as far as the reader may see them.

import { get, has, query } from "./api.js";
import { bars, shares } from "./chart.js";
import { choice, el, field, replace, table } from "./dom.js";
import { kind, number, seconds } from "./format.js";
import { language, t } from "./i18n.js";
import { shown } from "./problems.js";

/** Calls of a page of the interface, and pages that are looked at. */
const PAGE = 500;
const PAGES = 20;

export function showOverview(main, { may, params, go }) {
  const days = choice(
    { onchange: () => go(`#/overview${query({ days: days.value })}`) },
    ["1", "7", "30", "90"].map((n) => [n, t("overview.days", { n })]), params.get("days") ?? "7",
  );
  const place = el("div");
  const reports = el("p", { class: "buttons" });
  replace(main, el("h1", {}, t("overview.title")), el("div", { class: "tools" }, field(t("overview.time"), days)), place, reports);
  const reading = new AbortController();
  const count = [1, 7, 30, 90].includes(Number(days.value)) ? Number(days.value) : 7;
  const from = new Date(Date.now() - count * 86_400_000).toISOString();
  shown(place, async () => {
    const { calls, cut } = await read(from, reading.signal);
    return figures(calls, cut, count, may);
  });
  if (may("read_compliance_reports")) {
    has("/api/v1/reports").then((there) => there && replace(reports, ["html", "csv", "json"].map((format) => el(
      "a", { class: "button", href: `/api/v1/reports${query({ from, format })}`, download: "" }, t("overview.report", { format: format.toUpperCase() }),
    ))));
  }
  return () => reading.abort();
}

async function read(from, signal) {
  const calls = [];
  let after;
  for (let page = 0; page < PAGES; page += 1) {
    const found = await get(`/api/v1/recordings${query({ from, limit: PAGE, after })}`, { signal });
    calls.push(...found.recordings);
    after = found.next;
    if (!after) break;
  }
  return { calls, cut: Boolean(after) };
}

const sum = (calls, value) => calls.reduce((all, call) => all + value(call), 0);
const hiddenOf = (call) => Object.values(call.hidden_s).reduce((all, s) => all + s, 0);

function figures(calls, cut, days, may) {
  const spoken = sum(calls, (call) => call.duration_s);
  const unexamined = sum(calls, (call) => call.late_s + call.failed_s);
  const told = [
    ["overview.calls", number(calls.length)],
    ["overview.hours", number(spoken / 3600, 1)],
    ["overview.with_hidden", number(calls.filter((call) => hiddenOf(call) > 0).length)],
    ["overview.hidden", seconds(sum(calls, hiddenOf))],
    ["overview.unexamined", t("overview.share", { s: seconds(unexamined), share: number(spoken ? (unexamined / spoken) * 100 : 0, 2) })],
    ["overview.incomplete", number(calls.filter((call) => call.state === "incomplete").length)],
    ["overview.locked", number(calls.filter((call) => call.quarantined).length)],
    ["overview.holds", number(calls.filter((call) => call.holds > 0).length)],
  ];
  if (may("see_alerts")) told.push(["overview.alerts", number(sum(calls, (call) => count(call.alerts)))]);
  return [
    cut && el("p", { class: "warning" }, t("overview.cut", { n: number(calls.length) })),
    el("dl", { class: "tiles" }, told.map(([key, value]) => el("div", {}, el("dt", {}, t(key)), el("dd", {}, value)))),
    bars(t("overview.per_day"), t("overview.calls"), perDay(calls, days), (value) => number(value)),
    kinds(calls),
    may("see_alerts") && alerts(calls),
    places(calls),
  ];
}

const count = (alerts) => Object.values(alerts ?? {}).reduce((all, n) => all + n, 0);

function perDay(calls, days) {
  const name = new Intl.DateTimeFormat(language(), { month: "numeric", day: "numeric" });
  const found = new Map();
  for (let back = days - 1; back >= 0; back -= 1) found.set(name.format(new Date(Date.now() - back * 86_400_000)), 0);
  for (const call of calls) {
    const day = name.format(new Date(call.began));
    if (found.has(day)) found.set(day, found.get(day) + 1);
  }
  return [...found];
}

function kinds(calls) {
  const found = new Map();
  for (const call of calls) for (const [name, s] of Object.entries(call.hidden_s)) found.set(name, (found.get(name) ?? 0) + s);
  return found.size > 0 && shares(t("overview.per_kind"), t("overview.hidden"), [...found].map(([name, s]) => [kind(name), s]), (s) => seconds(s));
}

function alerts(calls) {
  const found = new Map();
  for (const call of calls) for (const [rule, n] of Object.entries(call.alerts ?? {})) found.set(rule, (found.get(rule) ?? 0) + n);
  return found.size > 0 && shares(t("overview.per_rule"), t("overview.alerts"), [...found], (n) => number(n));
}

function places(calls) {
  const found = new Map();
  for (const call of calls) {
    const key = [call.site ?? "", call.queue ?? ""].join("\n");
    found.set(key, [...(found.get(key) ?? []), call]);
  }
  const rows = [...found].sort((a, b) => b[1].length - a[1].length).slice(0, 50).map(([key, there]) => {
    const [site, queue] = key.split("\n");
    return [
      site, queue, number(there.length), seconds(sum(there, hiddenOf)), seconds(sum(there, (call) => call.late_s + call.failed_s)),
    ];
  });
  return rows.length > 0 && el("section", {}, el("h2", {}, t("overview.places")),
    table(t("overview.places"), [t("live.site"), t("live.queue"), t("overview.calls"), t("overview.hidden"), t("live.unexamined")], rows));
}
