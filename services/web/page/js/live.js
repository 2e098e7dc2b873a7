/* Client of the WebSocket /api/v1/live: it keeps the latest values of the cells and draws them at most once a frame.

   The server sends a snapshot and then numbered deltas. A message changes the values at once; the listeners of the
   changed cells are called together in the next animation frame, so that a slow drawing merges messages. Once a second
   the client sends the number that it has drawn, and the server limits the messages beyond it. After an interruption,
   and when a hidden tab is shown again, the client requests the changes since its number. */

import { DrawMeter } from "./draw_meter.js";
import { ServerClock } from "./server_clock.js";

const STALE_MS = 2_000;
const SILENT_MS = 6_000; // a connection without a message for so long is closed and opened again
const CHECK_MS = 250;
const DRAWN_MS = 1_000;
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 15_000;
const CLOSE_SESSION_ENDED = 4001;
const CLOSE_FORBIDDEN = 4003;
const CLOSE_TOO_SLOW = 4008;

/**
 * @typedef {object} LiveStatus
 * @property {"connecting"|"live"|"lost"|"hidden"|"forbidden"|"stopped"} phase
 * @property {boolean} isStale whether the drawn data may be outdated
 * @property {string} cause why it is stale, in one line; empty otherwise
 * @property {number|null} age_ms age of the drawn data, by the server's clock; null before the first drawing
 * @property {number} retry_ms time to the next attempt to connect, 0 if none is planned
 */

/** The connection, the cells' values, and the listeners that draw them. Events: `status`, `session-lost` (the
 *  session ended) and `session-doubt` (a second attempt failed: the session may have ended). */
class Live extends EventTarget {
  #cells = new Map();
  #watches = new Set();
  #clock = new ServerClock();
  #meter = new DrawMeter();
  #channel = new MessageChannel();
  #socket = null;
  #phase = "stopped";
  #boot = "";
  #number = null;
  #server_ms = 0;
  #drawn = { number: null, server_ms: 0 };
  #heard_ms = 0;
  #isFirst = true;
  #attempts = 0;
  #retryAt_ms = 0;
  #frame = 0;
  #frameStart_ms = 0;
  #failure = "";
  #timers = [];

  constructor() {
    super();
    this.#channel.port1.onmessage = () => this.#onPainted();
    document.addEventListener("visibilitychange", () => this.#onVisibility());
    addEventListener("online", () => this.#phase === "lost" && this.#connect());
  }

  /** Connect, and stay connected until `stop`. */
  start() {
    if (this.#timers.length) return;
    this.#timers = [setInterval(() => this.#check(), CHECK_MS), setInterval(() => this.#sendDrawn(), DRAWN_MS)];
    this.#connect();
  }

  /** Disconnect and drop all values, for example after signing out. */
  stop() {
    this.#timers.forEach(clearInterval);
    this.#timers = [];
    this.#disconnect();
    this.#cells.clear();
    this.#boot = "";
    this.#number = null;
    this.#drawn = { number: null, server_ms: 0 };
    this.#setPhase("stopped");
  }

  /** Connect now, without waiting for the planned attempt. */
  retry() {
    if (this.#phase === "lost") this.#connect();
  }

  /** The latest value of a cell, or undefined. */
  get(key) {
    return this.#cells.get(key);
  }

  /** The keys of the cells that begin with `prefix`, sorted. */
  keys(prefix) {
    return [...this.#cells.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /**
   * Draw now and whenever one of the cells changed, at most once a frame.
   * @param {string[]} names keys of cells; a name that ends in a colon stands for all keys that begin with it
   * @param {(changed: Set<string>|null) => void} draw gets the changed keys; null means all
   * @returns {() => void} ends the watch
   */
  watch(names, draw) {
    const watch = {
      exact: new Set(names.filter((name) => !name.endsWith(":"))),
      prefixes: names.filter((name) => name.endsWith(":")),
      draw,
      changed: new Set(),
      all: true,
    };
    this.#watches.add(watch);
    this.#requestFrame();
    return () => this.#watches.delete(watch);
  }

  /** Draw everything again, after a change of zone, theme or size. */
  redraw() {
    for (const watch of this.#watches) watch.all = true;
    this.#requestFrame();
  }

  /** The server's time now, in milliseconds since 1970. */
  now_ms() {
    return this.#clock.now_ms();
  }

  /** The server's time in the message that is drawn, in milliseconds since 1970; 0 before the first one. */
  get drawnAt_ms() {
    return this.#drawn.server_ms;
  }

  /** Use the server's time in an HTTP reply for the estimate of the server's clock. */
  noteServerTime(server_ns) {
    this.#clock.note(server_ns / 1e6);
  }

  /** @returns {LiveStatus} the connection's state and the age of the drawn data */
  get status() {
    const age_ms = this.#drawn.server_ms ? Math.max(0, this.now_ms() - this.#drawn.server_ms) : null;
    const cause = this.#staleCause(age_ms);
    const retry_ms = this.#retryAt_ms ? Math.max(0, this.#retryAt_ms - performance.now()) : 0;
    return { phase: this.#phase, isStale: cause !== "", cause, age_ms, retry_ms };
  }

  #staleCause(age_ms) {
    if (this.#phase === "forbidden") return "the server refused the live connection";
    if (this.#phase === "lost") return "no connection to the server";
    if (age_ms === null) return "";
    if (performance.now() - this.#heard_ms > STALE_MS) return "no message from the server";
    if (this.#meter.isSlow) return `drawing takes ${Math.round(this.#meter.median_ms)} ms`;
    if (age_ms > STALE_MS) return "messages arrive late";
    return this.#failure;
  }

  #connect() {
    this.#disconnect();
    this.#retryAt_ms = 0;
    const since = this.#boot ? `?since=${this.#number}&boot=${encodeURIComponent(this.#boot)}` : "";
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/v1/live${since}`);
    this.#socket = socket;
    this.#heard_ms = performance.now();
    this.#isFirst = true;
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#onClose(event.code);
    if (this.#phase !== "lost") this.#setPhase("connecting");
  }

  #disconnect() {
    if (!this.#socket) return;
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    this.#socket = null;
  }

  #receive(message) {
    this.#heard_ms = performance.now();
    this.#attempts = 0;
    if (this.#isFirst) this.#beginConnection();
    this.#clock.note(message.server_ns / 1e6);
    if (message.type === "snapshot") this.#takeSnapshot(message);
    else this.#takeDelta(message);
    this.#number = message.number;
    this.#server_ms = message.server_ns / 1e6;
    this.#setPhase("live");
    this.#requestFrame();
  }

  #beginConnection() {
    this.#isFirst = false;
    this.#clock.reset();
    this.#drawn.number = null; // the number belongs to an earlier connection
  }

  #takeSnapshot(message) {
    this.#boot = message.boot;
    this.#cells = new Map(Object.entries(message.cells));
    for (const watch of this.#watches) watch.all = true;
  }

  #takeDelta(message) {
    if (message.boot) this.#boot = message.boot;
    for (const [key, value] of Object.entries(message.set)) {
      this.#cells.set(key, value);
      this.#mark(key);
    }
    for (const key of message.gone) {
      this.#cells.delete(key);
      this.#mark(key);
    }
  }

  #mark(key) {
    for (const watch of this.#watches) {
      if (watch.exact.has(key) || watch.prefixes.some((prefix) => key.startsWith(prefix))) watch.changed.add(key);
    }
  }

  #requestFrame() {
    if (!this.#frame && !document.hidden) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    this.#frameStart_ms = performance.now();
    this.#failure = "";
    for (const watch of [...this.#watches]) {
      if (watch.all || watch.changed.size) this.#drawOne(watch);
    }
    if (this.#number !== null) this.#drawn = { number: this.#number, server_ms: this.#server_ms };
    this.#channel.port2.postMessage(null); // handled after the frame's layout and painting
  }

  #onPainted() {
    const wasSlow = this.#meter.isSlow;
    this.#meter.note(this.#frameStart_ms, performance.now() - this.#frameStart_ms);
    if (this.#meter.isSlow !== wasSlow) this.#announce();
  }

  #drawOne(watch) {
    const changed = watch.all ? null : watch.changed;
    watch.all = false;
    watch.changed = new Set();
    try {
      watch.draw(changed);
    } catch (error) {
      this.#failure = `a part of the page could not be drawn: ${error.message}`;
      console.error(error);
    }
  }

  #sendDrawn() {
    if (this.#phase === "live" && this.#drawn.number !== null && this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ drawn: this.#drawn.number }));
    }
  }

  #check() {
    const now = performance.now();
    if (this.#socket && now - this.#heard_ms > SILENT_MS) this.#lose();
    else if (this.#phase === "lost" && this.#retryAt_ms && now >= this.#retryAt_ms) this.#connect();
    this.#announce();
  }

  #onClose(code) {
    this.#socket = null;
    if (code === CLOSE_SESSION_ENDED) {
      this.dispatchEvent(new Event("session-lost"));
    }
    if (code === CLOSE_FORBIDDEN) {
      this.#setPhase("forbidden");
      return;
    }
    if (!this.#timers.length) return; // stopped, because the session ended
    if (code === CLOSE_TOO_SLOW) this.#attempts = 0;
    this.#lose();
  }

  #lose() {
    this.#disconnect();
    const pause_ms = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** this.#attempts);
    this.#retryAt_ms = performance.now() + pause_ms * (0.5 + Math.random() / 2);
    this.#attempts += 1;
    this.#setPhase("lost");
    if (this.#attempts > 1) this.dispatchEvent(new Event("session-doubt"));
  }

  #onVisibility() {
    if (!this.#timers.length) return;
    if (document.hidden) {
      this.#disconnect();
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
      this.#setPhase("hidden");
    } else {
      this.#meter.reset();
      this.#connect();
      this.redraw();
    }
  }

  #setPhase(phase) {
    if (this.#phase === phase) return;
    this.#phase = phase;
    this.#announce();
  }

  #announce() {
    this.dispatchEvent(new CustomEvent("status", { detail: this.status }));
  }
}

/** The one live connection of the page. */
export const live = new Live();
