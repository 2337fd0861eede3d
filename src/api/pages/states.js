// The states of a call: which is more urgent, and how each is shown.

import { el, mark, say } from "./dom.js";
import { t, word } from "./i18n.js";
import { kind } from "./format.js";

/** The most urgent first. */
const URGENCY = ["failed", "late", "paused", "hidden", "armed", "recording", "ended"];
export const STATES = URGENCY;

/** How urgent a call is: small numbers come first. */
export function urgency(call) {
  const place = URGENCY.indexOf(call.state);
  const base = (place < 0 ? URGENCY.length : place) * 10;
  const alarmed = (call.alerts ?? 0) > 0 || call.recorder_state === "failed";
  return call.state === "ended" ? 1_000 : base - (alarmed ? 25 : 0);
}

/** The word for a state, with what it is about. */
export function stateWords(call) {
  const why = call.why && call.why !== "manual" ? kind(call.why) : null;
  const words = word("state", call.state);
  if (call.state === "paused" && call.by) return t("state.paused_by", { by: call.by });
  return why ? `${words}: ${why}` : words;
}

/** A lamp and its word. The lamp's form differs too, for who does not see its colour. */
export function lamp(call) {
  const element = el("span", { class: "state" }, el("span", { class: "lamp", "aria-hidden": "true" }), el("span"));
  showLamp(element, call);
  return element;
}

export function showLamp(element, call) {
  mark(element, "data-state", call.state);
  say(element.lastChild, stateWords(call));
}
