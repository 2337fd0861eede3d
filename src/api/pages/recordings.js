// Recordings that are over: searched for, and listed.

import { get, query } from "./api.js";
import { choice, el, field, replace, table } from "./dom.js";
import { clock, kind, moment, number } from "./format.js";
import { t, word } from "./i18n.js";
import { pressed, shown } from "./problems.js";

const FIELDS = ["from", "to", "agent", "queue", "site", "vendor", "jurisdiction", "kind", "alert", "state", "quarantined"];

/** A moment of a form's field, which has this place's time, as the interface takes it. */
function utc(local) {
  const time = new Date(local);
  return local && !Number.isNaN(time.getTime()) ? time.toISOString() : "";
}

export function showRecordings(main, { may, params, go }) {
  const controls = Object.fromEntries(FIELDS.map((name) => [name, control(name)]));
  const hidden = (name) => (name === "kind" && !may("see_kinds")) || (name === "alert" && !may("see_alerts"));
  const onsubmit = (event) => {
    event.preventDefault();
    const asked = Object.fromEntries(FIELDS.filter((name) => !hidden(name)).map((name) => [name, controls[name].value.trim()]));
    go(`#/recordings${query(asked)}`);
  };
  const place = el("div", { class: "found" });
  const shownFields = FIELDS.filter((name) => !hidden(name)).map((name) => field(t(`field.${name}`), controls[name]));
  replace(
    main, el("h1", {}, t("recordings.title")),
    el("form", { class: "search", role: "search", onsubmit }, shownFields,
      el("div", { class: "buttons" }, el("button", { type: "submit", class: "main" }, t("recordings.search")),
        el("a", { class: "button", href: "#/recordings" }, t("recordings.clear")))),
    place,
  );

  function control(name) {
    const value = params.get(name) ?? "";
    if (name === "from" || name === "to") return el("input", { type: "datetime-local", value });
    if (name === "state") {
      return choice({}, [["", t("any")], ...["open", "complete", "incomplete"].map((state) => [state, word("stored", state)])], value);
    }
    if (name === "quarantined") return choice({}, [["", t("any")], ["true", t("yes")], ["false", t("no")]], value);
    return el("input", { type: "text", autocomplete: "off", value, maxlength: "100" });
  }

  const asked = Object.fromEntries(FIELDS.map((name) => [name, params.get(name)]));
  asked.from = utc(asked.from);
  asked.to = utc(asked.to);
  shown(place, async () => {
    let page = await get(`/api/v1/recordings${query({ ...asked, limit: 50 })}`);
    if (!page.recordings.length) return el("p", { class: "quiet" }, t("recordings.none"));
    const shows = table(t("recordings.title"), heads(), page.recordings.map(row), { class: "recordings" });
    const body = shows.querySelector("tbody");
    const said = el("div");
    const more = el("button", {
      type: "button", hidden: !page.next,
      onclick: () => pressed(more, said, async () => {
        page = await get(`/api/v1/recordings${query({ ...asked, limit: 50, after: page.next })}`);
        const next = table("", heads(), page.recordings.map(row)).querySelector("tbody");
        body.append(...next.children);
        more.hidden = !page.next;
      }),
    }, t("more"));
    return [shows, more, said];
  });

  function heads() {
    return [
      t("field.began"), t("live.call"), t("field.length"), t("live.agent"), t("live.queue"), t("live.site"), t("live.hidden"), t("live.unexamined"),
      ...(may("see_alerts") ? [t("live.alerts")] : []), t("field.remarks"),
    ];
  }

  function row(call) {
    const unexamined = call.late_s + call.failed_s;
    const alerts = Object.values(call.alerts ?? {}).reduce((sum, count) => sum + count, 0);
    const remarks = [
      call.state !== "complete" && word("stored", call.state), call.quarantined && t("recordings.locked"), call.holds > 0 && t("recordings.held", { n: call.holds }),
    ];
    return [
      moment(call.began), el("a", { href: `#/recordings/${encodeURIComponent(call.name)}`, "data-call": call.name }, call.name), clock(call.duration_s),
      call.agent, call.queue, call.site,
      Object.entries(call.hidden_s).map(([name, s]) => `${kind(name)} ${number(s, 1)}`).join(", "),
      unexamined > 0 ? el("span", { "data-bad": true }, number(unexamined, 1)) : "",
      ...(may("see_alerts") ? [alerts || ""] : []), remarks.filter(Boolean).join(", "),
    ];
  }
}
