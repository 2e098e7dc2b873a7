/* Texts of an alert: severity, state, and for each target whether a message was sent, waits or failed. */

import { duration, words } from "../format.js";
import { live } from "../live.js";
import { shortTimeText } from "../times.js";

const SEVERITIES = { CRITICAL: ["■", "halt"], WARNING: ["▲", "warn"], INFO: ["·", null] };

const WAITS = {
  DURATION: "waits until the condition has lasted long enough", GROUPING: "waits for further alerts of its group",
  RATE_LIMIT: "waits because of the rate limit", QUIET_HOURS: "waits for the end of the quiet hours",
  QUEUE: "waits for another message to this target", RETRY: "waits for the next try",
};

const KINDS = { ALERT: "", ENDED: "the end, ", ESCALATION: "escalation, ", SUMMARY: "summary, " };

/** A time of the server's clock for a list: without the day if it is today's. */
export function alertTime(time_ns) {
  return shortTimeText(time_ns, live.now_ms() * 1e6);
}

/** Sign and tone of a severity: ["■", "halt"]. */
export function severityLook(severity) {
  return SEVERITIES[severity] ?? ["?", null];
}

/** The severity with its sign. */
export function severityText(row) {
  return `${severityLook(row.severity)[0]} ${words(row.severity)}`;
}

/** The state of an alert in a few words. */
export function stateText(row) {
  if (row.acknowledged_ns) return `✓ ${row.acknowledged_by}`;
  if (row.is_open) return "● open";
  if (row.ended_ns) return "○ ended";
  return row.phase === "BEGAN" ? "○ lasts" : "–";
}

/** The tone of the state of an alert. */
export function stateTone(row) {
  if (row.acknowledged_ns) return "ok";
  return row.is_open ? severityLook(row.severity)[1] : null;
}

/** For each target its sign and name with a tone, or why the alert has no message. @returns {Array<[string, string]>} */
export function sentParts(row) {
  if (!row.deliveries.length) return [[row.unsent, "faint"]];
  return [...latestByTarget(row.deliveries)].map(([target, one]) => [`${signOf(one)} ${target}`, messageTone(one)]);
}

/** A message in one line, with its reason and times. */
export function messageText(message) {
  const kind = KINDS[message.kind] ?? "";
  const tries = message.tries === 1 ? "1 try" : `${message.tries} tries`;
  const failed = message.error ? `: ${message.error}` : "";
  if (message.state === "SENT") return `${kind}sent ${alertTime(message.sent_ns)}, ${tries}`;
  if (message.state === "GIVEN_UP") return `${kind}given up after ${tries}${failed}`;
  if (message.tries && !failed) return `${kind}is being sent`;
  if (message.tries) return `${kind}failed after ${tries}${failed}; next try at ${alertTime(message.due_ns)}`;
  const until = message.due_ns ? ` until ${alertTime(message.due_ns)}` : "";
  return `${kind}${WAITS[message.waits_for] ?? "waits"}${until}`;
}

/** The tone of a message. */
export function messageTone(message) {
  if (message.state === "SENT") return "ok";
  if (message.state === "GIVEN_UP") return "halt";
  return message.error ? "warn" : null;
}

/** How long what an alert is about has lasted; empty before its end. */
export function lastedText(row) {
  return row.ended_ns ? duration((row.ended_ns - row.time_ns) / 1e9) : "";
}

function signOf(message) {
  if (message.state === "SENT") return "✓";
  if (message.state === "GIVEN_UP") return "✕";
  return message.error ? "⚠" : "…";
}

/** The newest message to each target, in the order of the targets' first messages. */
function latestByTarget(messages) {
  return new Map(messages.map((message) => [message.target, message]));
}
