// One recording: its timeline, playback by ranges, transcript, and what may be taken out. Nothing of its sound is
// fetched before somebody asks to listen, as listening is in the audit log.

import { get, path } from "./api.js";
import { el, mark, replace } from "./dom.js";
import { clock, kind, moment, seconds } from "./format.js";
import { t, word } from "./i18n.js";
import { pressed, shown, trouble } from "./problems.js";
import { Transcript } from "./spoken.js";
import { Timeline } from "./timeline.js";
import { readPeaks } from "./wave.js";

export function showRecording(main, { call, may }) {
  const reading = new AbortController();
  let timeline = null;
  let transcript = null;
  const address = path`/api/v1/recordings/${call}`;

  const place = el("div");
  replace(main, el("p", { class: "back" }, el("a", { href: "#/recordings" }, t("recordings.back"))), el("h1", {}, t("call.title", { call })), place);
  mark(main, "data-call", call);
  shown(place, async () => {
    const detail = await get(address, { signal: reading.signal });
    return build(detail);
  });

  function build(detail) {
    const { report, recording, audio } = detail;
    const legs = report?.legs ?? ["agent", "customer"].slice(0, audio?.channels ?? 2);
    timeline = new Timeline({ legs, onseek: (at) => seek?.(at) });
    timeline.length = report?.duration_s ?? audio?.seconds ?? recording?.duration_s ?? 0;
    timeline.goTo = (at) => seek?.(Math.max(0, at - 2));
    spans(report);
    let seek = null;
    const listen = el("div", { class: "player" });
    if (audio && may("play_recording")) {
      const button = el("button", { type: "button", class: "main", "data-do": "play", onclick: () => begin() }, t("recordings.listen"));
      const said = el("div");
      replace(listen, button, el("small", { class: "quiet" }, t("recordings.logged")), said);
      const begin = () => pressed(button, said, async () => {
        const player = el("audio", { controls: true, preload: "auto", src: `${address}/audio`, "aria-label": t("recordings.player") });
        player.addEventListener("timeupdate", () => {
          timeline.cursor = player.currentTime;
          timeline.changed();
        });
        player.addEventListener("error", () => replace(said, trouble({ code: "not_playable", message: "" })));
        seek = (at) => {
          player.currentTime = at;
          timeline.cursor = at;
          timeline.changed();
        };
        replace(listen, player, said);
        player.play().catch(() => {});
        const each = (from, found) => {
          found.forEach((values, leg) => timeline.legs[leg] && timeline.peaks.get(timeline.legs[leg]).put(from, values));
          timeline.changed();
        };
        readPeaks(`${address}/audio`, { channels: audio.channels, rate: audio.sample_rate, bytes: audio.bytes, signal: reading.signal, each }).catch(() => {});
      });
    } else if (!audio) replace(listen, el("p", { class: "quiet" }, t("recordings.no_audio")));
    const spoken = el("div");
    if (detail.transcript !== "nothing") {
      const read = el("button", { type: "button", "data-do": "transcript", onclick: () => pressed(read, spoken, async () => {
        const told = await get(`${address}/transcript`, { signal: reading.signal });
        transcript = new Transcript({ onseek: (at) => seek?.(at) });
        told.transcript.forEach((said) => transcript.add(said));
        replace(spoken, transcript.element);
        read.remove();
      }) }, t("recordings.transcript"));
      return page(recording, report, detail, [listen, timeline.element, read, spoken]);
    }
    return page(recording, report, detail, [listen, timeline.element]);
  }

  function page(recording, report, detail, parts) {
    const facts = [
      ["field.began", moment(recording?.began)], ["field.length", clock(timeline.length)],
      ...["agent", "queue", "site", "vendor", "jurisdiction", "outcome"].map((name) => [`field.${name}`, recording?.[name]]),
      ["field.policy", report?.policy_version],
    ];
    const totals = report?.totals;
    return [
      recording?.quarantined && el("p", { class: "warning" }, t("recordings.locked_long")),
      recording?.state && recording.state !== "complete" && el("p", { class: "warning" }, word("stored", recording.state)),
      detail.report_problem && el("p", { class: "warning" }, t("recordings.no_report")),
      report?.abnormal_end && el("p", { class: "warning" }, t("recordings.abnormal", { why: report.abnormal_end })),
      el("dl", { class: "facts" }, facts.filter(([, value]) => value).flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value)])),
      totals && el("p", { class: "sums" }, [
        t("call.hidden_s", { s: seconds(totals.hidden_s) }), t("call.late_s", { s: seconds(totals.late_s) }), t("call.failed_s", { s: seconds(totals.failed_s) }),
      ].join(" · ")),
      el("section", { class: "over-time" }, el("h2", {}, t("timeline.title")), parts),
      taking(),
    ];
  }

  function taking() {
    const links = [
      ...(may("export_recording") ? ["audio", "report", "transcript"].map((part) => [`${address}/export/${part}`, t(`export.${part}`)]) : []),
      ...(may("export_evidence") ? [[`${address}/evidence`, t("export.evidence")]] : []),
    ];
    return links.length > 0 && el("section", { class: "panel" }, el("h2", {}, t("export.title")), el("p", { class: "quiet" }, t("export.logged")),
      el("p", { class: "buttons" }, links.map(([href, words]) => el("a", { class: "button", href, download: "" }, words))));
  }

  function spans(report) {
    (report?.spans ?? []).forEach((span, at) => timeline.span(`s${at}`, {
      ...span, state: "hidden", label: kind(span.kind), why: span.reason, words: [kind(span.kind), span.reason, span.paused && t("recordings.left_out")].filter(Boolean).join(": "),
    }));
    (report?.late ?? []).forEach((span, at) => timeline.span(`l${at}`, { ...span, state: "late", label: word("state", "late"), words: word("state", "late") }));
    (report?.failed ?? []).forEach((span, at) => timeline.span(`f${at}`, {
      ...span, state: "failed", label: word("state", "failed"), why: word("cause", span.cause), words: `${word("state", "failed")}: ${word("cause", span.cause)}`,
    }));
  }

  return () => {
    reading.abort();
    timeline?.close();
    transcript?.close();
    mark(main, "data-call", null);
  };
}
