/* A row of filters above a list. Their values are in the hash of the address. */

import { el, keyed, show } from "../dom.js";
import { field } from "../field.js";
import { readQuery, writeQuery } from "../hash_query.js";
import { live } from "../live.js";
import { periodField, periodParameters } from "./period.js";

const PERIOD_NAMES = ["period", "from_ns", "to_ns"];
let lists = 0;

/**
 * @typedef {object} Filter
 * @property {string} name parameter of the API and of the hash; "period" for a period
 * @property {string} label
 * @property {Array<[string, string]>} [options] the values with their texts, for a fixed choice
 * @property {() => string[]} [values] the known values of a choice that follows the live cells
 * @property {() => string[]} [suggestions] values that are suggested for a text
 */

/** Symbols of the desk, for a filter's `values`. */
export function knownSymbols() {
  const state = live.get("state");
  return state ? [...state.symbols, ...state.watched] : [];
}

/** Tags with trades in the server's month, for a filter's `suggestions`. */
export function knownTags() {
  return Object.keys(live.get("pnl")?.month?.by_tag ?? {}).sort();
}

/** Codes of the risk rules, for a filter's `suggestions`. */
export function knownCodes() {
  const counts = Object.keys(live.get("denials")?.counts ?? {});
  return [...new Set([...counts, ...(live.get("risk")?.rows ?? []).map((row) => row.code)])].sort();
}

/** The filters of a list. */
export class FilterBar {
  #names;
  #onChange;
  #refreshers = [];
  #filters;
  #values = {};
  #clear = el("button.button.small", { type: "button", text: "Clear filters" });
  #stopWatching;

  /** @param {Filter[]} filters @param {() => void} onChange called after a change */
  constructor(filters, onChange) {
    this.#filters = filters;
    this.#names = filters.flatMap(({ name }) => (name === "period" ? PERIOD_NAMES : [name]));
    this.#onChange = onChange;
    const query = readQuery();
    for (const name of this.#names) this.#values[name] = query[name] ?? "";
    this.element = el("form.filters", { role: "search", "aria-label": "Filters" });
    this.element.addEventListener("submit", (event) => event.preventDefault());
    this.#clear.addEventListener("click", () => this.#clearAll());
    this.#build();
    const cells = ["state", "pnl", "risk", "denials"];
    this.#stopWatching = live.watch(cells, () => this.#refreshers.forEach((run) => run()));
  }

  /** The parameters of the API for the current values. */
  get parameters() {
    const { period, from_ns, to_ns, ...rest } = this.#values;
    return { ...rest, ...periodParameters({ period, from_ns, to_ns }) };
  }

  /** End the watch of the live cells. */
  close() {
    this.#stopWatching();
  }

  #build() {
    this.#refreshers = [];
    this.element.replaceChildren(...this.#filters.map((filter) => this.#make(filter)), this.#clear);
    this.#markClear();
  }

  #make(filter) {
    if (filter.name === "period") return periodField(this.#values, (values) => this.#set(values));
    return filter.suggestions ? this.#textField(filter) : this.#choiceField(filter);
  }

  #choiceField(filter) {
    const select = el("select");
    const fill = () => {
      const pairs = filter.options ?? [["", "all"], ...filter.values().map((value) => [value, value])];
      const value = this.#values[filter.name];
      const all = pairs.some(([known]) => known === value) ? pairs : [...pairs, [value, value]];
      keyed(select, all, ([key]) => key, ([key, text]) => el("option", { value: key, text }), () => {});
      select.value = value;
    };
    fill();
    if (filter.values) this.#refreshers.push(fill);
    select.addEventListener("change", () => this.#set({ [filter.name]: select.value }));
    return field(filter.label, select);
  }

  #textField(filter) {
    const list = el("datalist", { id: `suggestions-${(lists += 1)}` });
    const input = el("input", { type: "search", list: list.id, value: this.#values[filter.name], placeholder: "all" });
    input.setAttribute("autocomplete", "off");
    const option = (value) => el("option", { value });
    const fill = () => keyed(list, filter.suggestions(), (value) => value, option, () => {});
    fill();
    this.#refreshers.push(fill);
    input.addEventListener("change", () => this.#set({ [filter.name]: input.value.trim() }));
    const node = field(filter.label, input);
    node.append(list);
    return node;
  }

  #set(values) {
    Object.assign(this.#values, values);
    writeQuery(values);
    this.#markClear();
    this.#onChange();
  }

  #clearAll() {
    this.#set(Object.fromEntries(this.#names.map((name) => [name, ""])));
    this.#build();
  }

  #markClear() {
    show(this.#clear, Object.values(this.#values).some(Boolean));
  }
}
