/* A page of one list: filters above, rows below, and beside them the opened row. */

import { el, setText } from "../dom.js";
import { readQuery, writeQuery } from "../hash_query.js";
import { live } from "../live.js";
import { currency } from "../money.js";
import { notify } from "../notices.js";
import { panel } from "../panel.js";
import { DetailPanel } from "./detail_panel.js";
import { FilterBar } from "./filter_bar.js";
import { PagedList } from "./paged_list.js";

/** Largest number of characters of an address that a notice repeats. */
const ID_CHARS_MAX = 40;

/**
 * @typedef {object} ListPageDefinition
 * @property {string} title heading of the page
 * @property {import("./filter_bar.js").Filter[]} filters
 * @property {import("./paged_list.js").ListDefinition} list without `parameters`, `onRow` and `onRows`
 * @property {(row: any, refresh: () => void) => import("./detail_panel.js").Detail} detailOf
 * @property {(id: string) => Promise<any>} [find] reads a row that the shown page of the list does not have
 * @property {(row: any) => boolean} [mayChange] whether a row that left the list must be read again
 * @property {(parameters: Object<string, any>) => void} [onFilters] called initially and after a change of the filters
 * @property {boolean} [hasMoney] whether columns are amounts of the account's currency, which the head then names
 * @property {Node[]} [above] content between heading and list
 * @property {string} [source] the part of the desk from which the rows come; by default the ledger, empty for none
 * @property {string} [selection] parameter of the address that names the opened row; by default "id"
 * @property {Node[]} [tools] buttons in the head of the list
 * @property {(rows: any[]) => void} [onRows] called after each reply
 */

/** The parts of a page of one list; `nodes` are its content, `close` ends its requests and watches. */
export class ListPage {
  #definition;
  #filters;
  #list;
  #detail;
  #opened = null;
  #shown = null;
  #split;
  #money = el("span.quiet");
  #stopWatching;

  /** @param {ListPageDefinition} definition */
  constructor(definition) {
    this.#definition = definition;
    this.#filters = new FilterBar(definition.filters, () => this.#onFilters());
    this.#detail = new DetailPanel(() => this.#onClosed());
    this.#opened = readQuery()[this.#selection] || null;
    this.#list = new PagedList({
      ...definition.list,
      parameters: () => this.#filters.parameters,
      onRow: (row) => this.#open(row, true),
      onRows: (rows) => this.#onRows(rows),
    });
    this.#list.select(this.#opened);
    const parts = [this.#filters.element, this.#list.element];
    const tools = [...(definition.tools ?? []), ...(definition.hasMoney ? [this.#money] : [])];
    const options = { source: definition.source ?? "ledger", className: "list", tools };
    const box = panel(definition.title, options, ...parts);
    this.#stopWatching = live.watch(["state"], () => setText(this.#money, currency() && `money in ${currency()}`));
    this.#split = el("div.split", {}, box, this.#detail.element);
    this.nodes = [el("h1.visually-hidden", { text: definition.title }), ...(definition.above ?? []), this.#split];
    definition.onFilters?.(this.#filters.parameters);
  }

  /** End everything. */
  close() {
    this.#stopWatching();
    this.#filters.close();
    this.#list.close();
    this.#detail.close();
  }

  /** Read the list again soon, for example after a command. */
  refresh() {
    this.#list.refresh();
  }

  get #selection() {
    return this.#definition.selection ?? "id";
  }

  #onFilters() {
    this.#list.restart();
    this.#definition.onFilters?.(this.#filters.parameters);
  }

  #open(row, takesFocus) {
    this.#opened = this.#definition.list.key(row);
    this.#shown = row;
    writeQuery({ [this.#selection]: this.#opened });
    this.#list.select(this.#opened);
    this.#split.classList.add("is-open");
    this.#detail.show(this.#detailOf(row), takesFocus);
  }

  #detailOf(row) {
    return this.#definition.detailOf(row, () => this.#list.refresh());
  }

  #onClosed() {
    const row = this.#split.querySelector("tr.is-selected");
    this.#opened = this.#shown = null;
    writeQuery({ [this.#selection]: "" });
    this.#list.select(null);
    this.#split.classList.remove("is-open");
    (row ?? this.#list.element.querySelector(".table-scroll")).focus({ preventScroll: true });
  }

  #onRows(rows) {
    this.#definition.onRows?.(rows);
    if (this.#opened === null) return;
    const row = rows.find((one) => this.#definition.list.key(one) === this.#opened);
    if (row) this.#renew(row);
    else if (!this.#shown || this.#definition.mayChange?.(this.#shown)) this.#findOpened();
  }

  #renew(row) {
    if (JSON.stringify(row) !== JSON.stringify(this.#shown)) this.#open(row, false);
  }

  async #findOpened() {
    const id = this.#opened;
    try {
      const row = await this.#definition.find?.(id);
      if (row && this.#opened === id) this.#renew(row);
    } catch (error) {
      if (this.#opened !== id || this.#shown) return;
      this.#onClosed(); // the address names a row that the desk lacks
      const name = id.slice(0, ID_CHARS_MAX);
      if (error.status !== 401) notify(`${this.#definition.title}: ${name} cannot be shown: ${error.message}`, "warn");
    }
  }
}
