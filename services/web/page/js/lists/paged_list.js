/* A table of rows that are read page by page from the API. It is read again when the table's number in its cell changes,
   at most once a second, and keeps focus, scroll position and selection. */

import { el, show } from "../dom.js";
import { get } from "../api.js";
import { number } from "../format.js";
import { readQuery, writeQuery } from "../hash_query.js";
import { live } from "../live.js";
import { DataTable, Pager } from "../table.js";

const PAGE_ROWS = 100;
const PAUSE_MS = 1_000;
const RETRY_MS = 3_000;

/**
 * @typedef {object} ListDefinition
 * @property {string} path of the API, such as "/orders"
 * @property {string} [cell] the live cell with the table's number; by default "revisions"
 * @property {string} revision name of the table's number in the cell
 * @property {string} caption
 * @property {import("../table.js").Column[]} columns
 * @property {(row: any) => string} key
 * @property {string} empty text without rows and filters
 * @property {string} [sort] the initial order, such as "-number"; none for a list in one order only
 * @property {() => Object<string, any>} parameters filters of the API
 * @property {(row: any) => void} onRow called for a click or Enter on a row
 * @property {(rows: any[]) => void} [onRows] called after each reply
 */

/** The table, its pager and its requests. */
export class PagedList {
  #definition;
  #table;
  #pager;
  #error = el("p.error-line", { role: "alert", hidden: true });
  #parameters;
  #sort;
  #before = [];
  #cursor;
  #page;
  #reply = null;
  #replyTo = "";
  #selected = null;
  #asked = { revision: undefined, at_ms: 0, request: null };
  #timer = 0;
  #stopWatching;

  /** @param {ListDefinition} definition */
  constructor(definition) {
    this.#definition = definition;
    const query = readQuery();
    this.#sort = query.sort || definition.sort || "";
    this.#cursor = query.cursor ?? "";
    this.#page = this.#cursor ? Math.max(1, Number(query.page) || 1) : 1;
    this.#parameters = definition.parameters();
    this.#table = new DataTable().setup({
      ...definition, sorted: this.#sort, onSort: (order) => this.#setSort(order),
    });
    this.#pager = new Pager().setup({ onBack: () => this.#turnBack(), onNext: () => this.#turn() });
    this.element = el("div.paged-list", {}, this.#error, this.#table, this.#pager);
    this.#stopWatching = live.watch([this.#cell], (changed) => this.#onRevisions(changed));
    this.#load();
  }

  /** Read again from the first page, after a change of the filters. */
  restart() {
    this.#parameters = this.#definition.parameters();
    this.#go([], "", 1);
  }

  /** Read again soon, for example after a command. */
  refresh() {
    this.#schedule(0);
  }

  /** Mark the row with a key as selected; null for none. */
  select(key) {
    this.#selected = key;
    this.#table.select(key);
  }

  /** End the requests and the watch. */
  close() {
    this.#stopWatching();
    clearTimeout(this.#timer);
    this.#asked.request?.abort();
  }

  #setSort(order) {
    this.#sort = order;
    writeQuery({ sort: order === this.#definition.sort ? "" : order });
    this.#go([], "", 1);
  }

  #turn() {
    this.#go([...this.#before, this.#cursor], this.#reply.next, this.#page + 1);
  }

  #turnBack() {
    const before = [...this.#before];
    const cursor = before.pop() ?? "";
    this.#go(before, cursor, cursor ? this.#page - 1 : 1);
  }

  #go(before, cursor, page) {
    this.#before = before;
    this.#cursor = cursor;
    this.#page = page;
    writeQuery({ cursor, page: page > 1 ? String(page) : "" });
    this.#table.querySelector(".table-scroll").scrollTop = 0;
    this.#load();
  }

  #onRevisions(changed) {
    if (!changed && this.#reply) this.#draw();
    if (this.#revision() !== this.#asked.revision && !this.#asked.request) {
      this.#schedule(this.#asked.at_ms + PAUSE_MS - performance.now());
    }
  }

  get #cell() {
    return this.#definition.cell ?? "revisions";
  }

  get #hasFilters() {
    return Object.values(this.#parameters).some(Boolean);
  }

  #revision() {
    return live.get(this.#cell)?.[this.#definition.revision];
  }

  #schedule(delay_ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), Math.max(0, delay_ms));
  }

  async #load() {
    clearTimeout(this.#timer);
    this.#asked.request?.abort();
    const request = new AbortController();
    this.#asked = { revision: this.#revision(), at_ms: performance.now(), request };
    const query = { ...this.#parameters, sort: this.#sort, limit: PAGE_ROWS, cursor: this.#cursor };
    try {
      this.#reply = await get(this.#definition.path, query, request.signal);
      this.#replyTo = JSON.stringify(query);
      this.#error.hidden = true;
      this.#draw();
      this.#definition.onRows?.(this.#reply.rows);
    } catch (error) {
      if (request.signal.aborted) return;
      this.#fail(error, JSON.stringify(query));
    }
    this.#asked.request = null;
    this.#onRevisions(new Set());
  }

  #fail(error, query) {
    const isRefused = error.status >= 400 && error.status < 500;
    this.#error.textContent = isRefused ? error.message : `${error.message}; trying again`;
    show(this.#error, true);
    if (query !== this.#replyTo) this.#clear(); // the shown rows are those of other filters
    if (!isRefused) this.#schedule(RETRY_MS);
  }

  #clear() {
    this.#reply = null;
    this.#table.rows = [];
    this.#table.note("No reply yet.");
    show(this.#pager, false);
  }

  #draw() {
    const { rows, total, next } = this.#reply;
    this.#table.rows = rows;
    this.#table.select(this.#selected);
    if (!rows.length && this.#hasFilters) this.#table.note("Nothing matches the filters.");
    const first = (this.#page - 1) * PAGE_ROWS;
    const text = rows.length ? `${number(first + 1)}–${number(first + rows.length)} of ${number(total)}` : "";
    this.#pager.update({ text, hasBack: this.#cursor !== "", hasNext: Boolean(next) });
    show(this.#pager, rows.length > 0 || this.#cursor !== "");
  }
}
