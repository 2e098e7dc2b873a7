/* Acknowledge alerts: a button for one, and one for all that a list shows. */

import { post, session } from "../api.js";
import { el, setText, show } from "../dom.js";
import { notify } from "../notices.js";

/** Whether an alert is open and this person may acknowledge it. */
export function canAcknowledge(row) {
  return session.canTrade && row.is_open;
}

/**
 * Acknowledge alerts, and show the reply or the error as a notice.
 * @param {number[]} numbers
 * @returns {Promise<boolean>} whether notify has stored it
 */
export async function acknowledge(numbers) {
  try {
    const { acknowledged } = await post("/alerts/ack", { numbers });
    const before = acknowledged.filter((one) => !one.is_new);
    const done = acknowledged.length - before.length;
    const others = before.length ? `${before.length} before by ${namesOf(before)}` : "";
    notify(["Acknowledged:", [done ? String(done) : "", others].filter(Boolean).join(", ")].join(" "), "ok");
    return true;
  } catch (error) {
    notify(`Not acknowledged: ${error.message}`, "halt");
    return false;
  }
}

/** A button that acknowledges the alerts that `rows` returns; `update` shows their number. */
export class AcknowledgeAll {
  #rows = [];
  #onDone;
  element = el("button.button.small", { type: "button", hidden: true });

  /** @param {() => void} onDone called after the reply */
  constructor(onDone) {
    this.#onDone = onDone;
    this.element.addEventListener("click", () => this.#run());
  }

  /** Show the number of the rows that this person may acknowledge. */
  update(rows) {
    this.#rows = rows.filter(canAcknowledge);
    setText(this.element, `Acknowledge all ${this.#rows.length} shown`);
    show(this.element, this.#rows.length > 0);
  }

  async #run() {
    this.element.disabled = true;
    const isDone = await acknowledge(this.#rows.map((row) => row.number));
    this.element.disabled = false;
    if (isDone) this.#onDone();
  }
}

function namesOf(alerts) {
  return [...new Set(alerts.map((one) => one.acknowledged_by))].join(", ");
}
