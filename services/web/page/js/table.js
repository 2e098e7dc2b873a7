/* Tables: rows are kept by key, so that an update changes only the fields whose text differs; sortable heads; pages. */

import { attribute, el, keyed, setText, setTone } from "./dom.js";

/**
 * @typedef {object} Column
 * @property {string} key name of the column, and of the field in the row unless `text` is given
 * @property {string} label its head
 * @property {string} [unit] unit, shown in the head
 * @property {boolean} [number] aligned to the right
 * @property {boolean} [wide] left out at small widths
 * @property {boolean} [wrap] long texts take several lines
 * @property {string} [sort] value of the sort order; the head then is a button
 * @property {(row: any) => string} [text] the field's text
 * @property {(row: any) => string|null} [tone] the field's tone
 * @property {(row: any) => Node} [make] content of the field, made once for a row in place of a text
 * @property {(node: Node, row: any) => void} [update] updates the content made by `make`
 */

/** A table; call `setup` once, and set `rows` after each change. */
export class DataTable extends HTMLElement {
  #columns = [];
  #options = {};
  #body = el("tbody");
  #note = el("p.empty");
  #heads = new Map();
  #sorted = "";

  /**
   * Define the table.
   * @param {{caption: string, columns: Column[], key: (row: any) => string, empty: string,
   *   onSort?: (order: string) => void, onRow?: (row: any) => void, sorted?: string, isStacked?: boolean}}
   *   options `empty` is shown without rows; `onSort` gets "name" or "-name"; `onRow` is called for a click or Enter on
   *   a row; `isStacked`: at small widths each row becomes a block of labels and values
   * @returns {DataTable} itself
   */
  setup(options) {
    this.#options = options;
    this.#columns = options.columns;
    this.#sorted = options.sorted ?? "";
    const heads = this.#columns.map((column) => this.#head(column));
    const caption = el("caption.visually-hidden", { text: options.caption });
    const tag = options.isStacked ? "table.data.stacked" : "table.data";
    const table = el(tag, {}, caption, el("thead", {}, el("tr", {}, ...heads)), this.#body);
    const scroll = el("div.table-scroll", { role: "region", "aria-label": options.caption, tabindex: "0" }, table);
    this.replaceChildren(scroll, this.#note);
    this.#markSorted();
    this.note("loading");
    return this;
  }

  /** Show rows, in this order. */
  set rows(rows) {
    keyed(this.#body, rows, this.#options.key, (row) => this.#makeRow(row), (node, row) => this.#updateRow(node, row));
    this.note(rows.length ? "" : this.#options.empty);
  }

  /** The order by which the rows are sorted: "name" or "-name". */
  get sorted() {
    return this.#sorted;
  }

  /** Show a line below the head instead of rows, such as an error; empty for none. */
  note(text) {
    this.#note.hidden = !text;
    this.#note.className = text === "loading" ? "loading" : "empty";
    setText(this.#note, text);
  }

  /** Mark the row with a key as the selected one; null for none. */
  select(key) {
    for (const row of this.#body.children) row.classList.toggle("is-selected", row.dataset.key === key);
  }

  #head(column) {
    const head = el("th", { scope: "col", class: classes(column) || null });
    this.#heads.set(column, head);
    const unit = column.unit ? el("span.unit", { text: column.unit }) : null;
    if (!column.sort) {
      head.append(column.label, ...(unit ? [unit] : []));
      return head;
    }
    const button = el("button.sort", { type: "button" }, column.label, unit);
    button.addEventListener("click", () => this.#sort(column));
    head.append(button);
    return head;
  }

  #sort(column) {
    this.#sorted = this.#sorted === `-${column.sort}` ? column.sort : `-${column.sort}`;
    this.#markSorted();
    this.#options.onSort?.(this.#sorted);
  }

  #markSorted() {
    for (const [column, head] of this.#heads) {
      const order = this.#sorted === column.sort ? "ascending" : "descending";
      const isSorted = column.sort && [column.sort, `-${column.sort}`].includes(this.#sorted);
      attribute(head, "aria-sort", isSorted ? order : null);
    }
  }

  #makeRow(row) {
    const node = el("tr", { "data-key": this.#options.key(row) });
    for (const column of this.#columns) {
      const cell = el("td", { class: classes(column) || null, "data-label": column.label });
      if (column.make) cell.append(column.make(row));
      node.append(cell);
    }
    if (this.#options.onRow) this.#makeClickable(node);
    return node;
  }

  #makeClickable(node) {
    node.tabIndex = 0;
    node.addEventListener("click", (event) => {
      if (!event.target.closest("button, a, input")) this.#options.onRow(node.row);
    });
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === node) this.#options.onRow(node.row);
    });
  }

  #updateRow(node, row) {
    node.row = row;
    this.#columns.forEach((column, index) => {
      const cell = node.children[index];
      if (column.make) column.update?.(cell.firstChild, row);
      else setText(cell, column.text ? column.text(row) : row[column.key]);
      if (column.tone) setTone(cell, column.tone(row));
    });
  }
}

/** Buttons to the previous and next page of a table, with the range that is shown. */
export class Pager extends HTMLElement {
  #text = el("span", { role: "status" });
  #back = el("button.button.small", { type: "button", text: "‹ newer", "aria-label": "Previous page" });
  #next = el("button.button.small", { type: "button", text: "older ›", "aria-label": "Next page" });

  /** @param {{onBack: () => void, onNext: () => void}} actions @returns {Pager} itself */
  setup({ onBack, onNext }) {
    this.className = "pager";
    this.#back.addEventListener("click", onBack);
    this.#next.addEventListener("click", onNext);
    this.replaceChildren(this.#text, this.#back, this.#next);
    return this;
  }

  /** Show which rows are on the page. */
  update({ text, hasBack, hasNext }) {
    setText(this.#text, text);
    this.#back.disabled = !hasBack;
    this.#next.disabled = !hasNext;
  }
}

function classes(column) {
  const names = [column.number && "number", column.wide && "wide-only", column.wrap && "wrap"];
  return names.filter(Boolean).join(" ");
}

customElements.define("data-table", DataTable);
customElements.define("table-pager", Pager);
