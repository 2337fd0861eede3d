// What is known of live calls: read once, then kept up with events. A lost connection is made again from the last event
// on; what is shown meanwhile is told to be old.

import { get, path, query } from "./api.js";

/** Without a word for so long, while calls are under way, what is shown is old. */
const SILENCE = 6_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export class LiveFeed extends EventTarget {
  /** With a call: of that one alone, with its words and levels. */
  constructor(call = null) {
    super();
    this.call = call;
    /** Calls by id. */
    this.calls = new Map();
    /** Of one call: its spans, words, marks, alerts and peaks so far. */
    this.detail = null;
    this.connected = false;
    /** Whether it has been connected, or tried in vain. */
    this.started = false;
    this.wait = FIRST_WAIT;
    this.last = null;
    this.heard = performance.now();
    this.closed = false;
    this.watch = setInterval(() => this.#isStale(), 1_000);
  }

  async start() {
    try {
      await this.#read();
      this.#connect();
    } catch (problem) {
      if (this.closed) return;
      this.started = true;
      this.#tell("problem", problem);
      if (problem.status === 401 || problem.status === 403 || problem.status === 404) this.stop();
      else this.#later();
    }
  }

  stop() {
    this.closed = true;
    clearInterval(this.watch);
    clearTimeout(this.timer);
    this.socket?.close();
  }

  /** Where a call is by now, in media seconds. */
  static head(call) {
    const since = call.state === "ended" ? 0 : (performance.now() - (call.heard ?? performance.now())) / 1_000;
    return (call.head ?? 0) + Math.min(since, 3);
  }

  async #read() {
    if (this.call) {
      const detail = await get(path`/api/v1/live/${this.call}`);
      this.detail = detail;
      this.last = detail.last_event ?? this.last;
      this.calls = new Map([[detail.call, this.#heard(detail)]]);
    } else {
      const { calls, last_event } = await get("/api/v1/live");
      this.last = last_event ?? null;
      this.calls = new Map(calls.map((call) => [call.call, this.#heard(call)]));
    }
    this.#tell("reset");
  }

  #heard(call) {
    call.heard = performance.now();
    return call;
  }

  #connect() {
    if (this.closed) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const asked = query({ call: this.call, after: this.last });
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live/socket${asked}`);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT;
      this.heard = performance.now();
      this.#setConnected(true);
    };
    socket.onmessage = ({ data }) => {
      this.heard = performance.now();
      this.#setConnected(true);
      let event;
      try {
        event = JSON.parse(data);
      } catch {
        return;
      }
      if (event.id !== undefined && event.id !== null) this.last = event.id;
      this.#take(event.type, event.data ?? {});
    };
    socket.onclose = () => {
      if (this.closed || this.socket !== socket) return;
      this.#setConnected(false);
      this.#later();
    };
  }

  #later() {
    this.started = true;
    this.#setConnected(false);
    this.#tell("connection");
    clearTimeout(this.timer);
    // Half of it by chance, so that not all pages come back at once.
    const wait = this.wait * (0.5 + Math.random() / 2);
    this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
    this.timer = setTimeout(() => this.#again(), wait);
  }

  async #again() {
    try {
      // Tells a session or a call that is over, which a refused socket does not.
      const { calls } = await get("/api/v1/live");
      if (!this.detail && (this.call || this.last === null)) await this.start();
      else if (this.call && !calls.some((call) => call.call === this.call)) {
        this.#take("ended", { call: this.call, reason: null });
      } else this.#connect();
    } catch (problem) {
      if (this.closed) return;
      if (problem.status === 401) this.stop();
      else this.#later();
    }
  }

  #isStale() {
    const is_busy = [...this.calls.values()].some((call) => call.state !== "ended");
    if (this.connected && is_busy && performance.now() - this.heard > SILENCE) {
      this.#setConnected(false);
      this.socket?.close();
    }
  }

  #setConnected(connected) {
    if (this.connected === connected) return;
    this.started ||= connected;
    this.connected = connected;
    this.#tell("connection");
  }

  #take(type, data) {
    if (type === "reset") {
      this.#read().catch(() => this.socket?.close());
      return;
    }
    const call = this.calls.get(data.call);
    switch (type) {
      case "began":
        this.calls.set(data.call, this.#heard({ ...data }));
        break;
      case "state":
        if (call) Object.assign(call, data, { heard: performance.now(), at: call.at });
        break;
      case "hidden":
        if (call) call.hidden = (call.hidden ?? 0) + 1;
        break;
      case "alert":
        if (call) call.alerts = (call.alerts ?? 0) + 1;
        break;
      case "mark":
        if (call) call.marks = (call.marks ?? 0) + 1;
        break;
      case "ended":
        if (call) Object.assign(call, { state: "ended", reason: data.reason, head: LiveFeed.head(call) });
        if (this.call) this.stop();
        else setTimeout(() => this.#forget(data.call), 20_000);
        break;
      default:
        break;
    }
    this.#tell(type, data);
  }

  #forget(name) {
    if (this.calls.get(name)?.state === "ended" && this.calls.delete(name)) this.#tell("gone", { call: name });
  }

  #tell(type, data) {
    this.dispatchEvent(new CustomEvent("any", { detail: { type, data } }));
  }
}

/** Calls a listener with the type and data of everything; returns what ends it. */
export function follow(feed, listener) {
  const heard = ({ detail }) => listener(detail.type, detail.data);
  feed.addEventListener("any", heard);
  return () => feed.removeEventListener("any", heard);
}
