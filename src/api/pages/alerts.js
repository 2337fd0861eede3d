// Alerts: what rules told of calls, and who dealt with it.

import { get, has, path, post, query } from "./api.js";
import { choice, el, field, replace, say } from "./dom.js";
import { kind, leg, moment, stretch } from "./format.js";
import { t, word } from "./i18n.js";
import { follow } from "./live.js";
import { pressed, shown } from "./problems.js";

const ALERTS = "/api/v1/alerts";

/** An alert as an item of a list, with its answer, or how to give one. */
export function answerable(alert, { may, plain = false }) {
  const item = el("li", { class: "alert", "data-alert": alert.id, "data-severity": alert.severity, "data-state": alert.state });
  show(alert);
  return item;

  function show(told) {
    const where = [told.queue, told.site, told.agent].filter(Boolean).join(" · ");
    const link = el("a", { href: `#/${told.live ? "live" : "recordings"}/${encodeURIComponent(told.call)}` }, told.call);
    item.dataset.state = told.state ?? "open";
    replace(
      item,
      el("p", { class: "first" },
        el("strong", { class: "severity" }, word("severity", told.severity)), " ",
        el("span", {}, told.message || word("alert", told.kind))),
      el("p", { class: "quiet" }, [moment(told.at), word("alert", told.kind), told.rule, told.leg && leg(told.leg), told.from !== undefined && told.from !== null ? stretch(told.from, told.to ?? told.from) : null, where].filter(Boolean).join(" · "),
        !plain && [" · ", link]),
      told.state === "answered"
        ? el("p", { class: "quiet" }, t("alerts.answered_by", { by: told.answered_by ?? "", at: moment(told.answered_at) }), told.answer ? `: ${told.answer}` : "")
        : may("answer_alerts") && answering(told),
    );
  }

  function answering(told) {
    const note = el("input", { type: "text", maxlength: "200", autocomplete: "off", "aria-label": t("alerts.note"), placeholder: t("alerts.note") });
    const said = el("div");
    const button = el("button", { type: "submit" }, t("alerts.answer"));
    const onsubmit = async (event) => {
      event.preventDefault();
      const text = note.value.trim();
      const done = await pressed(button, said, () => post(path`/api/v1/alerts/${told.id}/answer`, text ? { note: text } : {}));
      if (done) show({ ...told, ...done });
    };
    return el("form", { class: "tools", onsubmit }, note, button, said);
  }
}

export function showAlerts(main, { may, feed, params, go }) {
  const list = el("ul", { class: "alerts" });
  const more = el("div");
  const state = choice(
    { onchange: () => go(`#/alerts${query({ state: state.value })}`) },
    [["open", t("alerts.open")], ["answered", t("alerts.answered")], ["", t("alerts.all")]], params.get("state") ?? "open",
  );
  const place = el("div");
  replace(main, el("h1", {}, t("alerts.title")), el("div", { class: "tools" }, field(t("live.state"), state)), place, more);

  const page = async (after) => {
    const found = await get(`${ALERTS}${query({ state: state.value, call: params.get("call"), limit: 50, after })}`);
    list.append(...found.alerts.map((alert) => answerable(alert, { may })));
    replace(more, found.next && el("button", { type: "button", onclick: (event) => pressed(event.currentTarget, place, () => page(found.next)) }, t("more")));
    return found;
  };
  shown(place, async () => {
    if (!(await has(ALERTS))) return el("p", { class: "quiet" }, t("not_here"));
    const found = await page(null);
    return found.alerts.length ? list : el("p", { class: "quiet" }, t("alerts.none"));
  });
  return feed && follow(feed, (type, data) => {
    if (type !== "alert" || state.value === "answered") return;
    if (!list.isConnected) replace(place, list);
    const known = [...list.children].find((item) => item.dataset.alert === String(data.id));
    const item = answerable(data, { may });
    if (known) known.replaceWith(item);
    else list.prepend(item);
  });
}

/** A place that says of new alerts, whichever page is shown. */
export function alertVoice(feed) {
  const element = el("div", { class: "toasts", role: "status" });
  const close = follow(feed, (type, data) => {
    if (type !== "alert" || data.state === "answered") return;
    const words = el("span", {});
    say(words, [word("severity", data.severity), data.message || word("alert", data.kind) || kind(data.kind)].join(": "));
    const toast = el("p", { "data-severity": data.severity }, words, " ", el("a", { href: `#/live/${encodeURIComponent(data.call)}` }, data.call));
    element.append(toast);
    setTimeout(() => toast.remove(), 12_000);
    while (element.children.length > 3) element.firstChild.remove();
  });
  return { element, close };
}
