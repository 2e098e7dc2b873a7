/* Client of the HTTP API: session, reads, and commands with an idempotency key. Every error is one line. */

import { live } from "./live.js";

const ROOT = "/api/v1";
const TIMEOUT_MS = 10_000;

/** An error of the API. `status` is 0 without a reply; `body` has the other fields of the reply. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status @param {Object<string, any>} [body] */
  constructor(message, status, body = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }

  /** Whether the outcome of a command is unknown: it may have been carried out. */
  get isUnknown() {
    if (this.body.outcome === "not_sent") return false;
    return this.status === 0 || this.status >= 500; // a proxy in between answers 502 or 504 to a command that arrived
  }
}

/** The session of this browser. Events: `signed-in`, `signed-out`. */
class Session extends EventTarget {
  /** @type {{user: string, role: string, csrf_token: string, expires_ns: number}|null} */
  now = null;

  /** Whether this person may send commands. */
  get canTrade() {
    return this.now?.role === "trade";
  }

  /** Read the session from the server; raises ApiError, with status 401 if nobody is signed in. */
  async load() {
    this.#take(await request("GET", "/session"));
  }

  /** Sign in by user and password, or by a one-time token. */
  async signIn(credentials) {
    await request("POST", "/session", { body: credentials, isSignIn: true });
    await this.load();
  }

  /** End the session at the server and in the page. */
  async signOut() {
    await request("DELETE", "/session");
    this.lose();
  }

  /** Note that the server has no session of this browser. */
  lose() {
    const had = this.now !== null;
    this.now = null;
    if (had) this.dispatchEvent(new Event("signed-out"));
  }

  #take(reply) {
    const isNew = this.now === null;
    this.now = reply;
    live.noteServerTime(reply.server_ns);
    if (isNew) this.dispatchEvent(new Event("signed-in"));
  }
}

/** The session of this browser. */
export const session = new Session();

live.addEventListener("session-lost", () => session.lose());
live.addEventListener("session-doubt", () => session.load().catch(() => {}));

/**
 * Read from the API.
 * @param {string} path below /api/v1, such as "/orders"
 * @param {Object<string, any>} [query] parameters; null, undefined and "" are left out
 * @param {AbortSignal} [signal] ends the request
 * @returns {Promise<any>} the reply; raises ApiError, or the signal's reason
 */
export function get(path, query = {}, signal = undefined) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return request("GET", text ? `${path}?${text}` : path, { signal });
}

/** Send a change that is no command to portfolio, such as "/alerts/ack", and return the reply; raises ApiError. */
export function post(path, body) {
  return request("POST", path, { body });
}

/** A command of a person. Sending it again uses the same key, so that it is carried out at most once. */
export class Command {
  /** @param {string} path below /api/v1/commands, such as "/halt" @param {Object<string, any>} body */
  constructor(path, body) {
    this.path = path;
    this.body = body;
    this.key = newKey();
  }

  /** Send the command and return the desk's reply; raises ApiError. */
  send() {
    return request("POST", `/commands${this.path}`, { body: this.body, key: this.key });
  }
}

async function request(method, path, { body, key, signal, isSignIn = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && session.now) headers["X-CSRF-Token"] = session.now.csrf_token;
  if (key) headers["Idempotency-Key"] = key;
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const options = { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" };
  options.signal = signal ? AbortSignal.any([signal, limit]) : limit;
  let response;
  let reply;
  try {
    response = await fetch(ROOT + path, options);
    reply = await readJson(response);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("the server did not reply", 0);
  }
  if (response.ok) return reply;
  if (response.status === 401 && !isSignIn) session.lose();
  throw new ApiError(errorText(response, reply), response.status, reply ?? {});
}

async function readJson(response) {
  const text = await response.text();
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function errorText(response, reply) {
  const text = reply?.error || `the server replied with status ${response.status}`;
  const retry = response.headers.get("Retry-After");
  return response.status === 429 && retry ? `${text}; try again in ${retry} s` : text;
}

function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const random = crypto.getRandomValues(new Uint8Array(16)); // a page without TLS, beyond loopback
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
