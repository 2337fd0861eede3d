// A call drawn over time: each leg's waveform, what was hidden in it, where the reader is. Live it scrolls.

import { el } from "./dom.js";
import { clock, leg as legName, stretch } from "./format.js";
import { lessMotion, unwant, want } from "./frames.js";
import { t } from "./i18n.js";

const HEIGHT = 72;
const AXIS = 20;
const GAP = 6;

/** Loudness over time: one byte for each step, grown as needed. */
export class Peaks {
  constructor(step = 0.1) {
    this.step = step;
    this.values = new Uint8Array(1024);
    this.length = 0;
  }

  put(from, values) {
    const first = Math.round(from / this.step);
    const end = first + values.length;
    if (end > this.values.length) {
      const grown = new Uint8Array(Math.max(end, this.values.length * 2));
      grown.set(this.values);
      this.values = grown;
    }
    this.values.set(values, Math.max(0, first));
    this.length = Math.max(this.length, end);
  }

  /** The loudest from one place to another, in seconds. */
  between(from, to) {
    let most = 0;
    const end = Math.min(this.length, Math.max(Math.floor(from / this.step) + 1, Math.ceil(to / this.step)));
    for (let at = Math.max(0, Math.floor(from / this.step)); at < end; at += 1) most = Math.max(most, this.values[at]);
    return most;
  }
}

export class Timeline {
  /** `legs` from top to bottom; `onseek` is told where somebody pointed. */
  constructor({ legs, live = false, onseek = null, window = 60 }) {
    this.legs = legs;
    this.live = live;
    this.window = window;
    this.peaks = new Map(legs.map((leg) => [leg, new Peaks()]));
    this.spans = new Map();
    this.marks = [];
    this.head = 0;
    this.released = 0;
    this.length = 0;
    this.cursor = null;
    this.clock = null;
    this.canvas = el("canvas", {
      class: "timeline", role: "img", tabindex: onseek ? "0" : null,
      "aria-label": t("timeline.label"),
      onclick: onseek && ((event) => onseek(this.#timeAt(event.offsetX))),
      onkeydown: onseek && ((event) => this.#key(event, onseek)),
    });
    this.list = el("ul", { class: "spans" });
    this.none = el("p", { class: "quiet" }, t("timeline.nothing_hidden"));
    this.element = el(
      "div", { class: "timelined" }, this.canvas,
      el("details", { class: "spanned", open: true }, el("summary", {}, t("timeline.hidden_list")), this.none, this.list),
    );
    this.dirty = true;
    this.paint = () => this.#again();
    this.observer = new ResizeObserver(() => this.changed());
    this.observer.observe(this.canvas);
    this.theme = matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => {
      this.colours = null;
      this.changed();
    };
    this.theme.addEventListener("change", this.recolour);
    addEventListener("hushgate-theme", this.recolour);
  }

  close() {
    this.observer.disconnect();
    unwant(this.paint);
    this.theme.removeEventListener("change", this.recolour);
    removeEventListener("hushgate-theme", this.recolour);
  }

  changed() {
    this.dirty = true;
    want(this.paint);
  }

  /** A stretch that is hidden: what `state` says, `hidden`, `hiding`, `late` or `failed`. A key that is there is replaced. */
  span(key, span) {
    const before = this.spans.get(key);
    this.spans.set(key, span);
    this.none.hidden = true;
    const item = before?.item ?? el("li", {}, el("button", { type: "button", class: "plain", onclick: () => this.goTo?.(span.start) }));
    span.item = item;
    item.dataset.state = span.state;
    item.dataset.kind = span.kind ?? "";
    item.dataset.start = span.start;
    item.dataset.end = span.end ?? "";
    item.dataset.leg = span.leg ?? "";
    const parts = [stretch(span.start, span.end), span.leg && legName(span.leg), span.words].filter(Boolean);
    item.firstChild.textContent = parts.join(" · ");
    if (!before) this.#insert(item, span.start);
    this.changed();
  }

  unspan(key) {
    this.spans.get(key)?.item.remove();
    this.spans.delete(key);
    this.none.hidden = this.spans.size > 0;
    this.changed();
  }

  // Spans come almost in order: the place is looked for from the end.
  #insert(item, start) {
    let after = this.list.lastElementChild;
    while (after && Number(after.dataset.start) > start) after = after.previousElementSibling;
    this.list.insertBefore(item, after ? after.nextSibling : this.list.firstChild);
  }

  #range() {
    if (this.live && this.window) {
      const head = this.clock ? this.clock() : this.head;
      const end = Math.max(head, this.window);
      return [end - this.window, end];
    }
    return [0, Math.max(this.length, this.live ? this.head : 0, 1)];
  }

  #timeAt(x) {
    const [from, to] = this.#range();
    return from + (x / this.canvas.clientWidth) * (to - from);
  }

  #key(event, onseek) {
    const by = { ArrowLeft: -5, ArrowRight: 5, PageUp: -30, PageDown: 30 }[event.key];
    if (by) {
      event.preventDefault();
      onseek(Math.max(0, Math.min(this.length, (this.cursor ?? 0) + by)));
    }
  }

  #palette() {
    if (!this.colours) {
      const style = getComputedStyle(this.canvas);
      const of = (name) => style.getPropertyValue(`--${name}`).trim();
      this.colours = Object.fromEntries(
        ["wave-agent", "wave-customer", "hidden", "hiding", "late", "failed", "ink", "muted", "line", "lane", "held", "accent"]
          .map((name) => [name, of(name)]),
      );
      this.font = `11px ${style.fontFamily}`;
    }
    return this.colours;
  }

  // While a call goes on it scrolls; it is drawn anew when it has moved by a pixel.
  #again() {
    const place = (this.#range()[1] * this.canvas.clientWidth) / (this.window || this.#range()[1]);
    if (this.dirty || Math.abs(place - this.place) >= 1) {
      this.place = place;
      this.dirty = false;
      this.#draw();
    }
    if (this.clock && this.live && !lessMotion()) want(this.paint);
  }

  #draw() {
    const { canvas } = this;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const width = canvas.clientWidth;
    const height = this.legs.length * (HEIGHT + GAP) + AXIS;
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
    }
    const [from, to] = this.#range();
    const scale = width / (to - from);
    const draw = canvas.getContext("2d");
    draw.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw.clearRect(0, 0, width, height);
    const colours = this.#palette();
    draw.font = this.font;
    this.legs.forEach((leg, lane) => this.#lane(draw, { leg, top: lane * (HEIGHT + GAP), from, to, scale, width, colours }));
    this.#marks(draw, { from, to, scale, height, colours });
    this.#axis(draw, { from, to, scale, width, height, colours });
  }

  #lane(draw, { leg, top, from, to, scale, width, colours }) {
    const middle = top + HEIGHT / 2;
    draw.fillStyle = colours.lane;
    draw.fillRect(0, top, width, HEIGHT);
    if (this.live) {
      // What has arrived and not left yet is being examined.
      const x = (this.released - from) * scale;
      const end = ((this.clock ? this.clock() : this.head) - from) * scale;
      draw.fillStyle = colours.held;
      draw.fillRect(x, top, Math.max(0, end - x), HEIGHT);
    }
    draw.fillStyle = leg === "agent" ? colours["wave-agent"] : colours["wave-customer"];
    const peaks = this.peaks.get(leg);
    const step = Math.max(peaks.step * scale, 2);
    const first = Math.max(0, Math.floor((from * scale) / step) * step);
    const last = Math.min(to, peaks.length * peaks.step) * scale;
    for (let at = first; at < last; at += step) {
      const half = (peaks.between(at / scale, (at + step) / scale) / 100) * (HEIGHT / 2 - 4);
      draw.fillRect(at - from * scale, middle - half - 0.5, Math.max(1, step - 1), half * 2 + 1);
    }
    for (const span of this.spans.values()) {
      // Without an end it goes on for as long as it is not ended.
      const end = span.end ?? (this.clock ? this.clock() : to);
      if (end < from || span.start > to || (span.leg && span.leg !== leg)) continue;
      this.#span(draw, span, { top, x: (span.start - from) * scale, wide: Math.max(2, (end - span.start) * scale), colours });
    }
    draw.fillStyle = colours.muted;
    draw.fillText(legName(leg), 6, top + 13);
  }

  #span(draw, span, { top, x, wide, colours }) {
    draw.save();
    draw.beginPath();
    draw.rect(x, top, wide, HEIGHT);
    draw.clip();
    draw.globalAlpha = 0.92;
    draw.fillStyle = colours[span.state] ?? colours.hidden;
    draw.fillRect(x, top, wide, HEIGHT);
    draw.globalAlpha = 1;
    draw.strokeStyle = colours.ink;
    draw.setLineDash(span.state === "hidden" ? [] : [3, 3]);
    draw.strokeRect(x + 0.5, top + 0.5, Math.max(1, wide - 1), HEIGHT - 1);
    draw.fillStyle = "#fff";
    const lines = [span.label, span.why].filter(Boolean);
    lines.forEach((line, at) => draw.fillText(line, Math.max(x, 0) + 5, top + HEIGHT / 2 + at * 14));
    draw.restore();
  }

  #marks(draw, { from, to, scale, height, colours }) {
    draw.strokeStyle = colours.accent;
    draw.fillStyle = colours.accent;
    for (const { at } of this.marks) {
      if (at < from || at > to) continue;
      const x = Math.round((at - from) * scale) + 0.5;
      draw.beginPath();
      draw.moveTo(x, 0);
      draw.lineTo(x, height - AXIS);
      draw.stroke();
      draw.fillRect(x - 3, 0, 6, 6);
    }
    if (this.cursor !== null && this.cursor >= from && this.cursor <= to) {
      const x = (this.cursor - from) * scale;
      draw.fillStyle = colours.ink;
      draw.fillRect(x - 1, 0, 2, height - AXIS);
    }
  }

  #axis(draw, { from, to, scale, width, height, colours }) {
    draw.fillStyle = colours.muted;
    draw.strokeStyle = colours.line;
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
    const step = steps.find((seconds) => seconds * scale > 64) ?? 7200;
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      const x = (at - from) * scale;
      draw.beginPath();
      draw.moveTo(x + 0.5, height - AXIS);
      draw.lineTo(x + 0.5, height - AXIS + 4);
      draw.stroke();
      const text = clock(at);
      const wide = draw.measureText(text).width;
      if (x - wide / 2 > 0 && x + wide / 2 < width) draw.fillText(text, x - wide / 2, height - 4);
    }
  }
}
