// Retention, legal holds and erasure: what would be deleted, what is kept, what somebody asked to erase.

import { get, has, path, post } from "./api.js";
import { choice, el, field, replace, table } from "./dom.js";
import { bytes, clock, moment, number } from "./format.js";
import { t, word } from "./i18n.js";
import { pressed, shown } from "./problems.js";

export function showRequests(main, { may }) {
  const places = [];
  replace(main, el("h1", {}, t("requests.title")));
  const section = (name, route, permission, load) => {
    if (![permission].flat().some(may)) return;
    const place = el("div");
    main.append(el("section", { "data-part": name }, el("h2", {}, t(`requests.${name}`)), place));
    places.push(() => shown(place, async () => ((await has(route)) ? load(() => places.forEach((again) => again())) : el("p", { class: "quiet" }, t("not_here")))));
  };
  section("retention", "/api/v1/retention", "read_retention", retention);
  section("holds", "/api/v1/holds", ["place_holds", "read_retention"], (again) => holds(may, again));
  section("erasures", "/api/v1/erasures", ["read_erasures", "request_erasure"], (again) => erasures(may, again));
  places.forEach((load) => load());
}

async function retention() {
  const told = await get("/api/v1/retention");
  const plan = told.plan ?? told;
  const policies = Object.entries(plan.policies ?? {});
  return [
    el("dl", { class: "tiles" }, [
      ["retention.calls", number(plan.calls ?? 0)], ["retention.due", number(plan.due ?? 0)],
      ["retention.held", number(plan.held ?? 0)], ["retention.bytes", bytes(plan.bytes ?? 0)],
    ].map(([key, value]) => el("div", {}, el("dt", {}, t(key)), el("dd", {}, value)))),
    policies.length > 0 && table(t("retention.policies"), [t("retention.policy"), t("retention.due"), t("retention.parts")],
      policies.map(([name, part]) => [name, number(part.calls ?? 0), Object.entries(part.parts ?? {}).map(([what, n]) => `${word("part", what)} ${number(n)}`).join(", ")])),
  ];
}

/** A scope of a hold in words. */
const scopeWords = (scope = {}) => Object.entries(scope).filter(([, value]) => value).map(([name, value]) => `${word("field", name)}: ${value}`).join(", ");

async function holds(may, again) {
  const told = await get("/api/v1/holds");
  const all = told.holds ?? told;
  const rows = all.map((hold) => [
    hold.id, scopeWords(hold.scope), hold.reason, `${hold.placed_by ?? ""} ${moment(hold.placed_at)}`,
    hold.released
      ? t("holds.released", { by: hold.released.by ?? "", at: moment(hold.released.at) })
      : may("place_holds") && asking(t("holds.release"), t("reason"), (reason) => post(path`/api/v1/holds/${hold.id}/release`, { reason }), again),
  ]);
  return [
    rows.length ? table(t("requests.holds"), [t("holds.id"), t("holds.scope"), t("reason"), t("holds.placed"), ""], rows) : el("p", { class: "quiet" }, t("holds.none")),
    may("place_holds") && placing(again),
  ];
}

function placing(again) {
  const names = ["call", "agent", "queue"];
  const controls = Object.fromEntries(names.map((name) => [name, el("input", { type: "text", maxlength: "100", autocomplete: "off" })]));
  const reason = el("input", { type: "text", maxlength: "200", required: true, autocomplete: "off" });
  return form(t("holds.place"), [...names.map((name) => field(word("field", name), controls[name])), field(t("reason"), reason)], async () => {
    const scope = Object.fromEntries(names.map((name) => [name, controls[name].value.trim()]).filter(([, value]) => value));
    await post("/api/v1/holds", { scope, reason: reason.value.trim() });
    again();
  });
}

async function erasures(may, again) {
  const told = may("read_erasures") ? await get("/api/v1/erasures") : { erasures: [] };
  const all = told.erasures ?? told.requests ?? told;
  const rows = all.map((request) => [
    request.id, targetWords(request.target ?? {}), request.asked?.reason ?? "", `${request.asked?.by ?? ""} ${moment(request.asked?.at)}`,
    word("progress", request.progress),
    [
      request.progress === "waiting" && may("approve_erasure") && el("div", { class: "buttons" },
        asking(t("erasures.approve"), null, () => post(path`/api/v1/erasures/${request.id}/approve`), again),
        asking(t("erasures.reject"), t("reason"), (reason) => post(path`/api/v1/erasures/${request.id}/reject`, { reason }), again)),
      request.progress === "done" && el("a", { class: "button", href: path`/api/v1/erasures/${request.id}/certificate`, download: "" }, t("erasures.certificate")),
    ],
  ]).map((row) => [...row.slice(0, 5), el("div", {}, row[5].filter(Boolean))]);
  return [
    rows.length
      ? table(t("requests.erasures"), [t("erasures.id"), t("erasures.target"), t("reason"), t("erasures.asked"), t("live.state"), ""], rows)
      : may("read_erasures") && el("p", { class: "quiet" }, t("erasures.none")),
    may("request_erasure") && requesting(again),
  ];
}

function targetWords(target) {
  const from = target.stretch && clock(target.stretch.start_us / 1e6);
  const to = target.stretch && clock(target.stretch.end_us / 1e6);
  return [word("target", target.what), target.call, target.number && `#${String(target.number).slice(0, 8)}`, from && `${from}–${to}`].filter(Boolean).join(" ");
}

function requesting(again) {
  const what = choice({}, [["call", t("target.call")], ["segment", t("target.segment")]], "call");
  const call = el("input", { type: "text", maxlength: "128", required: true, autocomplete: "off" });
  const from = el("input", { type: "number", min: "0", step: "0.1" });
  const to = el("input", { type: "number", min: "0", step: "0.1" });
  const reason = el("input", { type: "text", maxlength: "200", required: true, autocomplete: "off" });
  const times = [field(t("erasures.from"), from), field(t("erasures.to"), to)];
  const show = () => times.forEach((control) => { control.hidden = what.value !== "segment"; });
  what.addEventListener("change", show);
  show();
  return form(t("erasures.request"), [field(t("erasures.target"), what), field(t("live.call"), call), ...times, field(t("reason"), reason)], async () => {
    const micros = (control) => Math.round(Number(control.value || 0) * 1e6);
    const target = what.value === "call"
      ? { what: "call", call: call.value.trim() }
      : { what: "segment", call: call.value.trim(), stretch: { leg: null, start_us: micros(from), end_us: micros(to) } };
    await post("/api/v1/erasures", { target, reason: reason.value.trim() });
    again();
  });
}

/** A form under a heading, with a button of the same words. */
export function form(title, fields, work) {
  const said = el("div");
  const button = el("button", { type: "submit", class: "main" }, title);
  const onsubmit = (event) => {
    event.preventDefault();
    pressed(button, said, work);
  };
  return el("details", { class: "making" }, el("summary", {}, title), el("form", { onsubmit }, fields, el("div", { class: "buttons" }, button), said));
}

/** A button that asks once more, for a reason or only for certainty. */
export function asking(words, reason, work, again) {
  const said = el("div");
  const note = reason && el("input", { type: "text", maxlength: "200", required: true, "aria-label": reason, placeholder: reason });
  const sure = el("button", { type: "submit" }, t("sure"));
  const onsubmit = (event) => {
    event.preventDefault();
    pressed(sure, said, async () => {
      await work(note?.value.trim());
      again();
    });
  };
  return el("details", { class: "asking" }, el("summary", {}, words), el("form", { class: "tools", onsubmit }, note, sure, said));
}
