// One live call: what is heard and hidden on a scrolling timeline, the masked transcript, alerts, and what may be done.

import { answerable } from "./alerts.js";
import { Controls } from "./controls.js";
import { choice, el, mark, replace, say } from "./dom.js";
import { clock, kind, seconds } from "./format.js";
import { t, word } from "./i18n.js";
import { Listening } from "./listen.js";
import { follow, LiveFeed } from "./live.js";
import { trouble } from "./problems.js";
import { Transcript } from "./spoken.js";
import { lamp, showLamp } from "./states.js";
import { Timeline } from "./timeline.js";
import { loudness } from "./wave.js";

export function showCall(main, { call: name, may, connection }) {
  const feed = new LiveFeed(name);
  const closing = [];
  let parts = null;

  replace(main, el("p", { class: "quiet", role: "status" }, t("loading")));
  closing.push(follow(feed, (type, data) => {
    if (type === "reset") begin();
    else if (type === "connection") connection(feed);
    else if (type === "problem" && !parts) replace(main, back(), trouble(data), gone(data));
    else if (parts) take(type, data);
  }));
  feed.start();

  const back = () => el("p", { class: "back" }, el("a", { href: "#/live" }, t("call.back")));
  // A call that is over is found among recordings.
  const gone = (problem) => problem.status === 404 && may("list_recordings")
    && el("p", {}, el("a", { href: `#/recordings/${encodeURIComponent(name)}` }, t("call.recording")));

  function begin() {
    parts?.close();
    const detail = feed.detail;
    parts = build(detail);
    (detail.hiding ?? []).forEach((span) => parts.span("hiding", span));
    (detail.spans ?? []).forEach((span) => parts.span(span.type, span));
    (detail.transcript ?? []).forEach((said) => parts.transcript?.add(said));
    (detail.marks ?? []).forEach((made) => parts.mark(made));
    (detail.alerts ?? []).forEach((alert) => parts.alert(alert));
    if (detail.peaks) parts.levels(detail.peaks);
    parts.state();
  }

  function build(detail) {
    const legs = detail.legs?.length ? detail.legs : ["agent", "customer"];
    const timeline = new Timeline({ legs, live: true });
    timeline.clock = () => LiveFeed.head(call());
    const transcript = may("read_transcript") ? new Transcript({ live: true }) : null;
    const controls = new Controls(name, { may, hold: detail.hold });
    const listening = may("listen_live") ? new Listening(name, call) : null;
    const light = lamp(detail);
    const elapsed = el("span", { class: "elapsed" });
    const sums = el("p", { class: "sums" });
    const alerts = el("ul", { class: "alerts" });
    const marks = el("ul", { class: "marks" });
    const zoom = choice(
      { onchange: () => { timeline.window = Number(zoom.value); timeline.changed(); }, "aria-label": t("timeline.window") },
      [["30", "30 s"], ["60", "1 min"], ["300", "5 min"], ["0", t("timeline.whole")]], "60",
    );
    const facts = [["agent", detail.agent], ["queue", detail.queue], ["site", detail.site], ["vendor", detail.vendor], ["door", detail.door]];
    replace(
      main, back(),
      el("h1", {}, t("call.title", { call: name })),
      el("div", { class: "standing", "aria-live": "polite" }, light),
      el("dl", { class: "facts" }, facts.filter(([, value]) => value).flatMap(([key, value]) => [el("dt", {}, t(`live.${key}`)), el("dd", {}, value)]),
        el("dt", {}, t("live.elapsed")), el("dd", {}, elapsed)),
      controls.element,
      el("section", { class: "over-time" }, el("div", { class: "titled" }, el("h2", {}, t("timeline.title")), zoom), timeline.element, sums),
      el("div", { class: "columns" },
        transcript?.element,
        el("div", {}, listening?.element,
          el("section", { hidden: true }, el("h2", {}, t("alerts.title")), alerts),
          el("section", { hidden: true }, el("h2", {}, t("call.marks")), marks))),
    );
    controls.ondone = (protection) => {
      Object.assign(call(), { state: protection.state ?? call().state, by: protection.by, why: protection.why });
      state();
    };
    if (listening) {
      listening.onplay = (at) => {
        timeline.cursor = at;
      };
    }

    function state() {
      const now = call();
      showLamp(light, now);
      mark(main, "data-state", now.state);
      mark(main, "data-call", name);
      controls.show(now);
      timeline.head = now.head ?? 0;
      timeline.released = now.released ?? 0;
      if (now.state === "ended") timeline.clock = null;
      for (const [key, span] of timeline.spans) if (span.state === "hiding" && isTold(span)) timeline.unspan(key);
      timeline.changed();
      const told = [
        t("call.hidden_s", { s: seconds(now.hidden_s) }), t("call.late_s", { s: seconds(now.late_s) }), t("call.failed_s", { s: seconds(now.failed_s) }),
        t("call.hold", { s: seconds(now.hold) }),
        now.recorder_state === "failed" && t("live.recorder_failed"),
      ];
      say(sums, told.filter(Boolean).join(" · "));
      say(elapsed, clock(LiveFeed.head(now)));
    }

    // What was decided and has left is told as what left.
    function isTold(hiding) {
      const left = call().state === "ended" ? Infinity : call().released ?? 0;
      if (left < (hiding.end ?? Infinity)) return false;
      return [...timeline.spans.values()].some((span) => span.state !== "hiding" && overlaps(span, hiding));
    }

    function span(type, data) {
      const words = type === "late" || type === "failed"
        ? word("state", type)
        : [kind(data.kind), data.reason].filter(Boolean).join(": ");
      const key = data.span ?? `${type} ${data.leg} ${data.start}`;
      if (data.lifted) {
        timeline.unspan(key);
        return;
      }
      timeline.span(key, {
        leg: data.leg, start: data.start, end: data.end ?? null, state: type, kind: data.kind, words,
        label: type === "late" || type === "failed" ? word("state", type) : kind(data.kind), why: data.reason,
      });
    }

    function addMark(made) {
      const at = made.at_s ?? made.at;
      timeline.marks.push({ at });
      timeline.changed();
      marks.parentElement.hidden = false;
      marks.append(el("li", {}, [clock(at), made.by, made.note].filter(Boolean).join(" · ")));
    }

    const ticking = setInterval(() => say(elapsed, clock(LiveFeed.head(call()))), 500);
    return {
      transcript, state, span,
      mark: addMark,
      alert: (alert) => {
        const known = [...alerts.children].find((item) => item.dataset.alert === String(alert.id));
        const item = answerable(alert, { may, plain: true });
        alerts.parentElement.hidden = false;
        if (known) known.replaceWith(item);
        else alerts.prepend(item);
      },
      levels: (levels) => {
        for (const leg of timeline.legs) if (levels[leg]) timeline.peaks.get(leg).put(levels.from, levels[leg].map((peak) => loudness(peak / 100)));
        timeline.changed();
      },
      ended: () => {
        const where = may("list_recordings") && el("a", { href: `#/recordings/${encodeURIComponent(name)}` }, t("call.recording"));
        controls.element.append(el("p", { class: "over" }, t("call.ended"), " ", where));
        if (listening) {
          listening.close();
          listening.element.hidden = true;
        }
      },
      close: () => {
        clearInterval(ticking);
        timeline.close();
        transcript?.close();
        controls.close();
        listening?.close();
      },
    };
  }

  const call = () => feed.calls.get(name) ?? feed.detail ?? {};
  const overlaps = (one, other) => one.leg === other.leg && one.start < (other.end ?? Infinity) && other.start < (one.end ?? Infinity);

  function take(type, data) {
    if (type === "state") parts.state();
    else if (["hiding", "hidden", "late", "failed"].includes(type)) {
      parts.span(type, data);
      parts.state();
    }
    else if (type === "words") parts.transcript?.add(data);
    else if (type === "levels") parts.levels(data);
    else if (type === "alert") parts.alert(data);
    else if (type === "mark") parts.mark(data);
    else if (type === "ended") {
      parts.state();
      parts.ended();
      connection(feed);
    }
  }

  return () => {
    closing.forEach((close) => close());
    parts?.close();
    feed.stop();
    mark(main, "data-state", null);
    mark(main, "data-call", null);
  };
}
