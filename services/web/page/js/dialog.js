/* Dialogs for commands: confirmation, reason, and the desk's reply. A repeat without a reply uses the same key. */

import { Command } from "./api.js";
import { el, setText, setTone, show } from "./dom.js";
import { notify } from "./notices.js";
import { hintOnPage, onPage } from "./page_words.js";

/** Longest reason of a command, in characters. */
export const REASON_CHARS_MAX = 200;

/**
 * Let the person confirm a command, send it, and wait for the desk's reply.
 * @param {object} options
 * @param {string} options.title question to the person
 * @param {string} [options.text] effect of the command
 * @param {string} options.path command below /api/v1/commands, such as "/halt"
 * @param {string} options.confirm text of the button that sends
 * @param {"danger"|"primary"} [options.tone] look of that button
 * @param {string} [options.reason] initial reason; without one, the person must enter it
 * @param {HTMLElement[]} [options.fields] further fields, above the reason
 * @param {() => Object<string, any>} [options.body] the command's other values; raises Error with a line for the person
 * @returns {Promise<any>} the desk's reply; null if the command was not sent or has no reply
 */
export function commandDialog(options) {
  return new Promise((resolve) => new CommandDialog(options, resolve).open());
}

/** The error of a command in one line, with the desk's hint, in the page's words. */
export function describeError(error) {
  return [onPage(error.message), hintOnPage(error.body?.hint ?? "")].filter(Boolean).join("; ");
}

/** The effect of a command in one line. */
export function describeReply(reply) {
  if (reply?.trading_state) {
    const closing = reply.closing?.length ? `, closing ${reply.closing.join(", ")}` : "";
    return `The desk is ${reply.trading_state}${closing}`;
  }
  if (reply?.order_ids?.length) return `Accepted: order ${reply.order_ids.join(", ")}`;
  return "Accepted";
}

class CommandDialog {
  #options;
  #resolve;
  #command = null;
  #reply = null;
  #node;
  #answer = el("p.answer", { role: "alert" });
  #send;
  #reason;

  constructor(options, resolve) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reason = el("input", {
      id: "dialog-reason", required: true, maxlength: REASON_CHARS_MAX, autocomplete: "off",
      value: options.reason ?? "",
    });
    this.#send = el(`button.button.${options.tone ?? "primary"}`, { type: "submit", text: options.confirm });
    this.#node = this.#build();
  }

  open() {
    document.body.append(this.#node);
    this.#node.showModal();
    (this.#options.reason ? this.#send : this.#reason).focus();
  }

  #build() {
    const { title, text, fields = [] } = this.#options;
    const cancel = el("button.button", { type: "button", text: "Cancel", on: { click: () => this.#node.close() } });
    const form = el("form", { method: "dialog", on: { submit: (event) => this.#onSubmit(event) } },
      el("h1", { id: "dialog-title", text: title }), text ? el("p.quiet", { text }) : null, ...fields,
      el("div.field", {}, el("label", { for: "dialog-reason", text: "Reason" }), this.#reason),
      this.#answer, el("div.buttons", {}, cancel, this.#send));
    return el("dialog.dialog", { "aria-labelledby": "dialog-title", on: { close: () => this.#onClose() } }, form);
  }

  async #onSubmit(event) {
    event.preventDefault();
    if (this.#send.disabled || !this.#prepare()) return;
    this.#lock(true);
    this.#say("Waiting for the desk's reply …", null);
    try {
      this.#reply = await this.#command.send();
      notify(describeReply(this.#reply), "ok");
      this.#node.close();
    } catch (error) {
      this.#onError(error);
    }
  }

  #prepare() {
    if (this.#command) return true; // a repeat: the same key and the same values
    try {
      const body = { ...(this.#options.body?.() ?? {}), reason: this.#reason.value.trim() };
      if (!body.reason) throw new Error("The reason is empty, expected 1 to 200 characters");
      this.#command = new Command(this.#options.path, body);
      return true;
    } catch (error) {
      this.#say(error.message, "halt");
      return false;
    }
  }

  #onError(error) {
    this.#send.disabled = false;
    if (error.isUnknown) {
      this.#say(`${error.message}. The command may have been carried out; a repeat has no second effect.`, "warn");
      setText(this.#send, "Repeat");
      return;
    }
    this.#command = null;
    this.#lock(false);
    this.#say(describeError(error), "halt");
  }

  #lock(isLocked) {
    this.#send.disabled = isLocked;
    for (const field of this.#node.querySelectorAll("input, select")) field.disabled = isLocked;
  }

  #say(text, tone) {
    setText(this.#answer, text);
    setTone(this.#answer, tone);
    show(this.#answer, text !== "");
  }

  #onClose() {
    this.#node.remove();
    this.#resolve(this.#reply);
  }
}
