// Live listening: the redacted stream of a call, through the browser's audio graph. It can be begun and ended at any
// time; a lost connection is made again.

import { path } from "./api.js";
import { choice, el, field, mark, replace, say } from "./dom.js";
import { leg as legName, seconds } from "./format.js";
import { t } from "./i18n.js";
import { LiveFeed } from "./live.js";

const HEADER = 16;

/** A block of the stream: where it belongs, and each leg's samples. */
export function readBlock(buffer) {
  const view = new DataView(buffer);
  const channels = view.getUint8(12);
  const samples = new Int16Array(buffer, HEADER, Math.floor((buffer.byteLength - HEADER) / 2));
  const length = Math.floor(samples.length / channels);
  const legs = Array.from({ length: channels }, () => new Float32Array(length));
  for (let at = 0; at < length; at += 1) {
    for (let leg = 0; leg < channels; leg += 1) legs[leg][at] = samples[at * channels + leg] / 32_768;
  }
  return { index: Number(view.getBigUint64(0, true)), rate: view.getUint32(8, true), flags: view.getUint8(13), channels: legs };
}

export class Listening {
  /** `call()` gives what is known of the call. */
  constructor(name, call) {
    this.name = name;
    this.call = call;
    this.legs = ["agent", "customer"];
    this.button = el("button", { type: "button", class: "main", "aria-pressed": "false", "data-do": "listen", onclick: () => this.toggle() }, t("listen.start"));
    this.leg = choice(
      { onchange: () => this.#setGains() },
      [["both", t("listen.both")], ["agent", legName("agent")], ["customer", legName("customer")]], "both",
    );
    this.volume = el("input", { type: "range", min: "0", max: "1", step: "0.05", value: "0.9", oninput: () => this.#setVolume() });
    this.delay = el("output", { class: "delay" });
    this.hidden = el("span", { class: "muted-now", role: "status" });
    this.trouble = el("p", { class: "trouble", role: "alert", hidden: true });
    this.meters = this.legs.map((leg) => el("meter", { min: "0", max: "1", value: "0", "aria-label": legName(leg), "data-leg": leg }));
    this.element = el(
      "section", { class: "listening", "aria-label": t("listen.title") },
      el("h2", {}, t("listen.title")),
      el("div", { class: "tools" }, this.button, field(t("listen.leg"), this.leg), field(t("listen.volume"), this.volume)),
      el("p", { class: "heard" }, ...this.meters, this.delay, this.hidden),
      this.trouble,
    );
  }

  toggle() {
    if (this.wanted) this.stop();
    else this.start();
  }

  async start() {
    this.wanted = true;
    this.#show();
    this.trouble.hidden = true;
    await this.#connect();
  }

  stop(reason = null) {
    this.wanted = false;
    clearTimeout(this.timer);
    this.socket?.close(1000);
    this.socket = null;
    this.context?.close();
    this.context = null;
    this.node = null;
    for (const meter of this.meters) meter.value = 0;
    replace(this.delay);
    say(this.hidden, "");
    mark(this.element, "data-playing", null);
    if (reason) this.#complain(reason);
    this.#show();
  }

  close() {
    if (this.wanted) this.stop();
  }

  #show() {
    mark(this.button, "aria-pressed", this.wanted ? "true" : "false");
    say(this.button, this.wanted ? t("listen.stop") : t("listen.start"));
  }

  #complain(words) {
    this.trouble.hidden = false;
    say(this.trouble, words);
  }

  async #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${path`/api/v1/live/${this.name}/listen`}?leg=both`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let begun = null;
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") {
        this.told = JSON.parse(data);
        begun = this.#open(this.told);
      } else if (begun) {
        begun.then(() => this.#take(data)).catch(() => {});
      }
    };
    socket.onclose = ({ code, reason }) => {
      if (!this.wanted || this.socket !== socket) return;
      if (code === 1000 || this.call()?.state === "ended") this.stop(t(reason === "ended" ? "listen.ended" : "listen.closed"));
      else {
        this.#complain(t("listen.lost"));
        this.timer = setTimeout(() => this.wanted && this.#connect(), 2_000);
      }
    };
  }

  async #open(told) {
    this.legs = told.legs ?? this.legs;
    this.trouble.hidden = true;
    if (this.context?.sampleRate === told.rate) return;
    await this.context?.close();
    // The browser takes it to the device's rate.
    const context = new AudioContext({ sampleRate: told.rate, latencyHint: "interactive" });
    this.context = context;
    try {
      await context.audioWorklet.addModule(new URL("./listen_worklet.js", import.meta.url));
    } catch {
      this.stop(t("listen.no_audio"));
      return;
    }
    if (this.context !== context) return;
    this.node = new AudioWorkletNode(context, "hushgate-listener", { numberOfInputs: 0, outputChannelCount: [2] });
    this.gain = context.createGain();
    this.node.connect(this.gain).connect(context.destination);
    this.node.port.onmessage = ({ data }) => this.#tell(data);
    this.#setVolume();
    this.#setGains();
    await context.resume();
  }

  #take(buffer) {
    if (!this.node || buffer.byteLength < HEADER) return;
    const { index, flags, channels } = readBlock(buffer);
    this.node.port.postMessage({ index, flags, channels }, channels.map((samples) => samples.buffer));
  }

  #setVolume() {
    if (this.gain) this.gain.gain.value = Number(this.volume.value);
  }

  #setGains() {
    const gains = this.legs.map((leg) => (this.leg.value === "both" || this.leg.value === leg ? 1 : 0));
    this.node?.port.postMessage({ gains });
  }

  // What is being played, as the audio thread says ten times a second.
  #tell({ played, levels, flags, stored, playing, lost, dropped }) {
    if (!this.wanted || played === null) return;
    const at = played / this.told.rate;
    levels.forEach((level, leg) => {
      const meter = this.meters[leg];
      if (meter) meter.value = Math.min(1, level * 3);
    });
    const hidden = this.legs.filter((_, leg) => flags & (1 << leg));
    say(this.hidden, hidden.length ? t("listen.hidden", { legs: hidden.map(legName).join(", ") }) : "");
    const output = this.context?.outputLatency || this.context?.baseLatency || 0;
    const call = this.call();
    const delay = (call?.head ? Math.max(0, LiveFeed.head(call) - at) : (this.told.delay ?? 0) + stored) + output;
    say(this.delay, t("listen.delay", { s: seconds(delay), hold: seconds(this.told.delay ?? call?.hold) }));
    const data = this.element.dataset;
    data.playing = playing;
    data.at = at.toFixed(2);
    data.delay = delay.toFixed(2);
    data.levels = levels.map((level) => level.toFixed(5)).join(" ");
    data.hidden = hidden.join(" ");
    data.lost = (lost + dropped).toFixed(2);
    this.onplay?.(at);
  }
}
