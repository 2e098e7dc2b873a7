/* Order ticket: market, limit and stop orders with stop, target and reason; it shows the desk's reply. */

import { Command, session } from "../api.js";
import { describeError, describeReply, REASON_CHARS_MAX } from "../dialog.js";
import { attribute, choice, el, setText, setTone, show } from "../dom.js";
import { age, decimal, price } from "../format.js";
import { live } from "../live.js";
import { panel } from "../panel.js";
import { quoteAge } from "./quote_age.js";
import { readDecimal, stepped } from "./steps.js";

const TYPES = [["MARKET", "Market"], ["LIMIT", "Limit"], ["STOP", "Stop"]];

const DOUBT = "The previous order may have been placed: check the orders before you send another one.";

/** The ticket; it follows the symbols and the chosen symbol's quote. */
export class OrderTicket extends HTMLElement {
  #symbol = el("select", { id: "ticket-symbol", required: true });
  #volume = decimalInput("ticket-volume", { "aria-required": "true" });
  #price = decimalInput("ticket-price");
  #stop = decimalInput("ticket-stop", { placeholder: "none" });
  #target = decimalInput("ticket-target", { placeholder: "none" });
  #reason = el("input", {
    id: "ticket-reason", "aria-required": "true", maxlength: REASON_CHARS_MAX, autocomplete: "off", placeholder: "why",
  });
  #buy = el("button.button.buy", { type: "button" });
  #sell = el("button.button.sell", { type: "button" });
  #answer = el("p.answer", { role: "alert", hidden: true });
  #send = el("button.button.primary.send", { type: "submit" });
  #hints = new Map();
  #priceField = null;
  #type = "MARKET";
  #side = "";
  #command = null;
  #isDoubtful = false;
  #end = null;

  connectedCallback() {
    this.replaceChildren(panel("Order ticket", { source: "gateway", padded: true }, this.#build()));
    this.#symbol.addEventListener("change", () => this.#onSymbol());
    this.#buy.addEventListener("click", () => this.#setSide("BUY"));
    this.#sell.addEventListener("click", () => this.#setSide("SELL"));
    this.#end = live.watch(["state", "quote:", "market:"], () => this.#draw());
  }

  disconnectedCallback() {
    this.#end();
  }

  #build() {
    const minus = el("button.button", { type: "button", text: "−", "aria-label": "Less volume" });
    const plus = el("button.button", { type: "button", text: "+", "aria-label": "More volume" });
    minus.addEventListener("click", () => this.#stepVolume(-1));
    plus.addEventListener("click", () => this.#stepVolume(1));
    this.#priceField = this.#field("Price", this.#price);
    const volume = el("div.field", {}, el("label", { for: "ticket-volume", text: "Volume in lots" }),
      el("div.stepper", {}, minus, this.#volume, plus));
    const type = choice("Order type", TYPES, "MARKET", (chosen) => this.#setType(chosen));
    const reason = el("div.field", {}, el("label", { for: "ticket-reason", text: "Reason" }), this.#reason);
    const on = { submit: (event) => this.#onSubmit(event), input: () => this.#onInput() };
    return el("form.ticket", { novalidate: true, on },
      el("div.field", {}, el("label", { for: "ticket-symbol", text: "Symbol" }), this.#symbol),
      el("div.field", {}, el("span.label", { text: "Type" }), type),
      el("div.sides", { role: "group", "aria-label": "Side" }, this.#sell, this.#buy), volume, this.#priceField,
      this.#field("Stop loss", this.#stop), this.#field("Take profit", this.#target), reason, this.#answer, this.#send);
  }

  #field(label, input) {
    const hint = el("span.hint");
    this.#hints.set(input, hint);
    return el("div.field", {}, el("label", { for: input.id, text: label }), input, hint);
  }

  get #market() {
    return live.get(`market:${this.#symbol.value}`);
  }

  get #quote() {
    return live.get(`quote:${this.#symbol.value}`);
  }

  // ---- choices

  #onSymbol() {
    this.#volume.value = this.#market?.volume_min ?? "";
    for (const input of [this.#price, this.#stop, this.#target]) input.value = "";
    this.#onInput();
  }

  #setSide(side) {
    this.#side = side;
    this.#suggestPrice();
    this.#onInput();
  }

  #setType(type) {
    this.#type = type;
    this.#price.value = "";
    this.#suggestPrice();
    this.#onInput();
  }

  #suggestPrice() {
    const quote = this.#quote;
    if (this.#type === "MARKET" || this.#price.value || !quote) return;
    this.#price.value = price(this.#side === "SELL" ? quote.bid : quote.ask, this.#market?.digits);
  }

  #stepVolume(count) {
    const { volume_step: step = "0.01", volume_min: least = step, volume_max: most = "1000" } = this.#market ?? {};
    this.#volume.value = stepped(this.#volume.value || 0, step, count, least, most);
    this.#onInput();
  }

  #onInput() {
    if (this.#send.disabled && this.#command) return; // waits for the reply
    this.#isDoubtful ||= this.#command !== null;
    this.#command = null; // other values are another order
    this.#say(this.#isDoubtful ? DOUBT : "", "warn");
    this.#draw();
  }

  // ---- drawing

  #draw() {
    this.#drawSymbols();
    const [quote, digits] = [this.#quote, this.#market?.digits];
    if (!this.#volume.value && this.#market) this.#volume.value = this.#market.volume_min;
    const { age_ms, isOld } = quoteAge(this.#symbol.value);
    const sign = isOld ? "⚠ " : "";
    setText(this.#sell, `▼ Sell ${quote ? sign + price(quote.bid, digits) : ""}`);
    setText(this.#buy, `▲ Buy ${quote ? sign + price(quote.ask, digits) : ""}`);
    for (const side of [this.#sell, this.#buy]) {
      side.classList.toggle("is-old", isOld);
      attribute(side, "title", isOld ? `The quote is ${age(age_ms)} old` : null);
    }
    attribute(this.#sell, "aria-pressed", String(this.#side === "SELL"));
    attribute(this.#buy, "aria-pressed", String(this.#side === "BUY"));
    show(this.#priceField, this.#type !== "MARKET");
    for (const [input, hint] of this.#hints) setText(hint, this.#distance(input));
    this.#drawSend();
  }

  #drawSymbols() {
    const symbols = live.get("state")?.symbols ?? [];
    const shown = Array.from(this.#symbol.options, (option) => option.value);
    if (symbols.join() === shown.join()) return;
    const chosen = this.#symbol.value;
    this.#symbol.replaceChildren(...symbols.map((name) => el("option", { value: name, text: name })));
    if (symbols.includes(chosen)) this.#symbol.value = chosen;
  }

  #drawSend() {
    if (!session.canTrade) {
      setText(this.#send, "Orders need the role trade");
      this.#send.disabled = true;
      return;
    }
    if (this.#send.disabled && this.#command) return; // waits for the reply
    const what = `${this.#volume.value} ${this.#symbol.value} ${this.#type.toLowerCase()}`;
    const side = this.#side === "BUY" ? "▲ Buy" : "▼ Sell";
    const text = this.#command ? "Repeat the order" : this.#side ? `${side} ${what}` : "Choose sell or buy";
    setText(this.#send, text);
    this.#send.disabled = !this.#side;
    this.#send.classList.toggle("buy", this.#side === "BUY");
    this.#send.classList.toggle("sell", this.#side === "SELL");
    this.#send.classList.toggle("solid", this.#side !== "");
  }

  #distance(input) {
    const value = Number(input.value.replace(",", "."));
    const point = Number(this.#market?.point ?? 0);
    const quote = this.#quote;
    if (!input.value.trim() || !Number.isFinite(value) || !point || !quote) return "";
    const isEntry = input === this.#price;
    const market = this.#side === "SELL" ? quote.bid : quote.ask;
    const entry = this.#type === "MARKET" || isEntry ? market : Number(this.#price.value.replace(",", "."));
    return `${decimal(Math.abs(value - entry) / point, 1)} points from the ${isEntry ? "market" : "entry"}`;
  }

  // ---- sending

  async #onSubmit(event) {
    event.preventDefault();
    if (this.#send.disabled) return;
    try {
      this.#command ??= new Command("/order", this.#body());
    } catch (error) {
      this.#say(error.message, "halt");
      return;
    }
    this.#send.disabled = true;
    this.#say("Waiting for the desk's reply …", null);
    setText(this.#send, "Sent");
    try {
      this.#finish(describeReply(await this.#command.send()), "ok");
    } catch (error) {
      this.#fail(error);
    }
  }

  #finish(text, tone) {
    this.#command = null;
    this.#isDoubtful = false;
    this.#send.disabled = false;
    if (tone === "ok") this.#reason.value = "";
    this.#draw();
    this.#say(text, tone);
  }

  #fail(error) {
    if (!error.isUnknown) {
      this.#finish(describeError(error), "halt");
      return;
    }
    this.#send.disabled = false;
    this.#draw();
    this.#say(`${error.message}. The order may have been placed; a repeat places no second one.`, "warn");
  }

  #body() {
    const reason = this.#reason.value.trim();
    if (!reason) throw new Error("The reason is empty, expected 1 to 200 characters");
    return {
      symbol: this.#symbol.value,
      side: this.#side,
      type: this.#type,
      volume: readDecimal(this.#volume.value, "Volume"),
      price: this.#type === "MARKET" ? null : readDecimal(this.#price.value, "Price"),
      stop_loss: readDecimal(this.#stop.value, "Stop loss", true),
      take_profit: readDecimal(this.#target.value, "Take profit", true),
      reason,
    };
  }

  #say(text, tone) {
    setText(this.#answer, text);
    setTone(this.#answer, tone);
    show(this.#answer, text !== "");
  }
}

function decimalInput(id, props = {}) {
  return el("input", { id, inputmode: "decimal", autocomplete: "off", ...props });
}

customElements.define("order-ticket", OrderTicket);
