/* Headline, causes, and the commands that change the trading state: halt, reduce only, resume, flatten. */

import { session } from "../api.js";
import { deskLook } from "../desk_look.js";
import { commandDialog } from "../dialog.js";
import { attribute, el, keyed, setText, setTextWithCode, setTone, show } from "../dom.js";
import { words } from "../format.js";
import { live } from "../live.js";
import { onPage } from "../page_words.js";
import { panel } from "../panel.js";
import { textInZone } from "../times.js";

const COMMANDS = {
  halt: {
    title: "Halt the desk?", path: "/halt", confirm: "Halt", tone: "danger", reason: "Halted from the web page",
    text: "Until trading is resumed, only a person's closes are sent. Resting orders are canceled, positions stay open.",
  },
  reduce: {
    title: "Set the desk to reduce only?", path: "/reduce-only", confirm: "Reduce only",
    reason: "Set to reduce only from the web page",
    text: "Until trading is resumed, no order that opens exposure is sent. Positions may be closed.",
  },
  resume: {
    title: "Resume trading?", path: "/resume", confirm: "Resume",
    text: "The trading state becomes ACTIVE, and foreign orders on the account so far count as reviewed.",
  },
  flatten: {
    title: "Close every position and halt?", path: "/flatten", confirm: "Flatten", tone: "danger",
    reason: "Flattened from the web page", text: "The desk halts and closes every position at the market.",
  },
};

const BUTTONS = [
  ["halt", "■ Halt", "danger"], ["reduce", "▼ Reduce only"], ["resume", "▶ Resume"], ["flatten", "⇥ Flatten"],
];

const HEADLINE_TEXTS = {
  TRADING: "Nothing prevents trading",
  "PARTLY TRADING": "Some symbols are not traded",
  "NOT TRADING": "No symbol is traded",
  "REDUCE ONLY": "Orders only close positions",
  HALTED: "No order is sent for a signal",
};

/** The panel; it follows the cell `state`. */
export class StatePanel extends HTMLElement {
  #state = el("p.state-large", { role: "status" });
  #reason = el("p.state-reason");
  #causes = el("ul.causes");
  #buttons = {};
  #end = null;

  connectedCallback() {
    const buttons = el("div.state-buttons", {}, ...BUTTONS.map((button) => this.#button(...button)));
    const line = el("div.state-line", {}, this.#state, buttons);
    this.replaceChildren(panel("Trading", { source: "portfolio", padded: true }, line, this.#reason, this.#causes));
    this.#end = live.watch(["state"], () => this.#draw());
  }

  disconnectedCallback() {
    this.#end();
  }

  #button(name, text, tone) {
    const button = el(tone ? `button.button.${tone}` : "button.button", { type: "button", text });
    button.addEventListener("click", () => commandDialog(COMMANDS[name]));
    this.#buttons[name] = button;
    return button;
  }

  #draw() {
    const state = live.get("state");
    const trading = state?.trading_state;
    const { text, sign, tone } = deskLook(state);
    setText(this.#state, text ? `${sign} ${text}` : "loading …");
    setTone(this.#state, tone);
    setText(this.#reason, reasonText(state));
    keyed(this.#causes, state ? causesOf(state) : [], keyOf, makeCause, drawCause);
    this.#drawButtons(trading);
  }

  #drawButtons(trading) {
    const isBarred = !session.canTrade;
    const off = { halt: trading === "HALTED", reduce: trading === "REDUCE_ONLY", resume: trading === "ACTIVE" };
    for (const [name, button] of Object.entries(this.#buttons)) {
      button.disabled = isBarred || Boolean(off[name]); // an unknown state disables nothing: the desk can be halted
      attribute(button, "title", isBarred ? "needs the role trade" : null);
    }
  }
}

function reasonText(state) {
  if (!state) return "";
  const waits = state.waiting_for && `Waiting for ${state.waiting_for}`;
  const parts = [HEADLINE_TEXTS[state.headline], waits, changeText(state)];
  return parts.filter(Boolean).join(" · ") || `The desk is ${words(state.headline)}`;
}

/* Why the trading state was changed last, unless a cause says it or a condition is more recent. */
function changeText({ headline, trading_state, trading_reason, causes }) {
  if (!trading_reason || causes.some(({ text }) => text === trading_reason)) return "";
  if (trading_state !== "ACTIVE") return trading_reason;
  return headline === "TRADING" ? `Resumed: ${trading_reason}` : "";
}

function keyOf({ code, subject, by }) {
  return `${code} ${subject} ${by}`;
}

function causesOf({ causes, conditions }) {
  const shown = new Set(causes.map(keyOf));
  return [...causes, ...conditions.filter((condition) => !shown.has(keyOf(condition)))];
}

function makeCause() {
  return el("li.cause", {}, el("p", {}, el("span.strong"), " ", el("span")), el("p.faint"));
}

const SEVERITY_LOOK = { CRITICAL: ["■", "halt"], WARNING: ["▲", "warn"], INFO: ["●", null] };

function drawCause(node, cause) {
  const [sign, tone] = SEVERITY_LOOK[cause.severity] ?? SEVERITY_LOOK.INFO;
  const subject = cause.subject ? ` ${cause.subject}` : "";
  const by = cause.by ? ` (${cause.by})` : "";
  const [line, action] = node.children;
  setText(line.firstChild, `${sign} ${cause.code}${subject}${by}`);
  setTone(line.firstChild, tone);
  setText(line.lastChild, textInZone(cause.text || cause.meaning));
  setTextWithCode(action, onPage(cause.action));
  show(action, Boolean(cause.action) && cause.severity !== "INFO");
}

customElements.define("desk-state", StatePanel);
