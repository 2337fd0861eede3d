// What may be done to a call under way: pause, resume, blank, mark, write to the agent. Only what somebody may do is
// shown; the gateway decides all the same.

import { get, path, post } from "./api.js";
import { el, field, replace, say } from "./dom.js";
import { clock, seconds } from "./format.js";
import { t } from "./i18n.js";
import { pressed } from "./problems.js";

const LONGEST = 200;

export class Controls {
  constructor(name, { may, hold = 6 }) {
    this.name = name;
    this.may = may;
    this.answer = el("div", { class: "answer", role: "status" });
    this.keys = new Map();
    this.element = el("section", { class: "controls", "aria-label": t("controls.title") });
    const parts = [may("pause_recording") && this.#pausing(hold), may("mark_call") && this.#marking(), may("message_agent") && this.#writing()];
    replace(this.element, ...parts, this.answer);
    this.onkey = (event) => this.#key(event);
    addEventListener("keydown", this.onkey);
  }

  close() {
    removeEventListener("keydown", this.onkey);
  }

  #button(name, key, work, attributes = {}) {
    const words = t(`controls.${name}`);
    const button = el(
      "button", { type: "button", "data-do": name, "aria-keyshortcuts": key.toUpperCase(), onclick: () => pressed(button, this.answer, work), ...attributes },
      el("span", {}, words), " ", el("kbd", { "aria-hidden": "true" }, key.toUpperCase()),
    );
    this.keys.set(key, button);
    return button;
  }

  #pausing(hold) {
    this.pause = this.#button("pause", "p", () => this.#ask("pause"), { class: "main" });
    this.resume = this.#button("resume", "r", () => this.#ask("resume"), { class: "main", hidden: true });
    const most = Math.max(1, Math.floor(hold));
    this.seconds = el("input", { type: "number", min: "1", max: String(most), value: String(Math.min(5, most)), inputmode: "numeric", required: true });
    const blank = this.#button("blank", "b", async () => {
      const wanted = Math.max(1, Math.min(most, Math.round(Number(this.seconds.value) || 1)));
      const done = await this.#ask("blank", { seconds: wanted });
      const late = done?.too_late > 0 ? t("controls.too_late", { s: seconds(done.too_late) }) : "";
      this.#say(`${t("controls.blanked", { from: clock(done?.from), to: clock(done?.to) })} ${late}`);
    });
    return el("div", { class: "tools" }, this.pause, this.resume, field(t("controls.seconds"), this.seconds), blank);
  }

  #marking() {
    this.note = el("input", { type: "text", maxlength: String(LONGEST), autocomplete: "off" });
    const button = this.#button("mark", "m", async () => {
      const { at } = await post(path`/api/v1/live/${this.name}/marks`, { note: this.note.value.trim() || t("controls.mark_default") });
      this.note.value = "";
      this.#say(t("controls.marked", { at: typeof at === "number" ? clock(at) : "" }));
    });
    return this.#form("tools", button, field(t("controls.note"), this.note), button);
  }

  #writing() {
    this.text = el("input", { type: "text", maxlength: String(LONGEST), autocomplete: "off" });
    const button = this.#button("message", "w", async () => {
      if (!this.text.value.trim()) {
        this.text.focus();
        return;
      }
      await post(path`/api/v1/live/${this.name}/messages`, { text: this.text.value.trim() });
      this.text.value = "";
      this.#say(t("controls.sent"));
    });
    return this.#form("tools", button, field(t("controls.text"), this.text), button);
  }

  // The Enter key in a field does what its button does.
  #form(name, button, ...children) {
    return el("form", { class: name, onsubmit: (event) => { event.preventDefault(); button.click(); } }, children);
  }

  async #ask(what, body) {
    const protection = await post(path`/api/v1/live/${this.name}/${what}`, body ?? {});
    this.show(protection);
    if (what !== "blank") this.#say(t(`controls.${what}d`, { at: clock(protection.since ?? protection.at) }));
    this.ondone?.(protection);
    return protection;
  }

  #say(words) {
    replace(this.answer, el("p", {}, words));
  }

  /** Shows whether the call is paused: one of the two buttons. */
  show({ state }) {
    if (!this.pause) return;
    const is_paused = state === "paused";
    const is_over = state === "ended";
    const focused = document.activeElement === this.pause || document.activeElement === this.resume;
    this.pause.hidden = is_paused;
    this.resume.hidden = !is_paused;
    for (const part of this.element.querySelectorAll(".tools")) part.hidden = is_over;
    if (focused) (is_paused ? this.resume : this.pause).focus();
    say(this.pause.firstChild, t("controls.pause"));
  }

  #key(event) {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const name = event.key.toLowerCase();
    // One key pauses and resumes.
    const button = name === "p" && this.resume && !this.resume.hidden ? this.resume : this.keys.get(name);
    if (!button || button.hidden || button.disabled) return;
    event.preventDefault();
    if (name === "m" || name === "w") (name === "m" ? this.note : this.text).focus();
    else button.click();
  }
}

/** What is so with a call's protection. */
export const protection = (name) => get(path`/api/v1/live/${name}/protection`);
