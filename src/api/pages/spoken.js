// A masked transcript, as it comes or as it was: one line for each utterance, masks set off from words.

import { el } from "./dom.js";
import { clock, kind, leg as legName } from "./format.js";
import { t } from "./i18n.js";

/** Screen readers are told no more often. */
const QUIET = 3_000;

export class Transcript {
  constructor({ live = false, onseek = null } = {}) {
    this.onseek = onseek;
    this.lines = new Map();
    this.list = el("ol", { class: "spoken", tabindex: "0", "aria-label": t("transcript.title") });
    this.voice = el("p", { class: "unseen", "aria-live": "polite" });
    this.none = el("p", { class: "quiet" }, t("transcript.none"));
    this.element = el("section", { class: "transcript" }, el("h2", {}, t("transcript.title")), this.none, this.list, live && this.voice);
    this.unsaid = "";
  }

  /** Adds an utterance; one of the same leg and start is replaced. */
  add({ leg, start, end, text }) {
    this.none.hidden = true;
    const follows = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    const key = `${leg} ${start}`;
    const line = this.#line(leg, start, end, text);
    const before = this.lines.get(key);
    if (before) before.replaceWith(line);
    else this.#insert(line, start);
    this.lines.set(key, line);
    if (follows) this.list.scrollTop = this.list.scrollHeight;
    this.#announce(`${legName(leg)}: ${text}`);
  }

  #line(leg, start, end, text) {
    const at = clock(start);
    const time = this.onseek ? el("button", { type: "button", class: "plain", onclick: () => this.onseek(start) }, at) : el("span", {}, at);
    time.classList.add("when");
    return el(
      "li", { "data-leg": leg, "data-start": start, "data-end": end },
      time, el("span", { class: "who" }, legName(leg)), el("span", { class: "text" }, masked(text)),
    );
  }

  #insert(line, start) {
    let after = this.list.lastElementChild;
    while (after && Number(after.dataset.start) > start) after = after.previousElementSibling;
    this.list.insertBefore(line, after ? after.nextSibling : this.list.firstChild);
  }

  #announce(text) {
    this.unsaid = `${this.unsaid} ${text}`.trim().slice(-200);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.voice.textContent = this.unsaid;
      this.unsaid = "";
    }, QUIET);
  }

  close() {
    clearTimeout(this.timer);
  }
}

/** What stands in square brackets is a mask: it is set off, and named. */
function masked(text) {
  return text.split(/(\[[^\]]*\])/).filter(Boolean).map((part) => {
    if (!part.startsWith("[")) return part;
    const name = part.slice(1, -1).split(" ")[0];
    return el("mark", { "data-mask": name }, kind(name));
  });
}
