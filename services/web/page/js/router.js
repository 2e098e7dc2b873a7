/* Router: the part of the address after # names the page, as in #/orders?status=open. */

import { el } from "./dom.js";
import { PAGES } from "./pages.js";

/** Shows the page that the address names in `main`, and calls `onPage` with its entry of `PAGES`. */
export class Router {
  #main;
  #onPage;
  #shown = "";
  #onHash = () => this.show();

  /** @param {HTMLElement} main @param {(page: {name: string, title: string}) => void} onPage */
  constructor(main, onPage) {
    this.#main = main;
    this.#onPage = onPage;
  }

  /** Show the page of the address and follow its changes. */
  start() {
    addEventListener("hashchange", this.#onHash);
    return this.show();
  }

  /** Stop following the address; remove the page. */
  stop() {
    removeEventListener("hashchange", this.#onHash);
    this.#main.replaceChildren();
    this.#shown = "";
  }

  /** Show the page that the address names now; an unknown name shows the first page. */
  async show() {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const page = PAGES.find(({ name }) => name === path) ?? PAGES[0];
    const address = `${page.name}?${query}`;
    this.#shown = address;
    this.#onPage(page);
    const node = await this.#make(page);
    if (this.#shown !== address) return; // another page was chosen while this one was loaded
    node.params = new URLSearchParams(query);
    this.#main.replaceChildren(node);
  }

  async #make(page) {
    const tag = `page-${page.name}`;
    try {
      const { default: Page } = await page.load();
      if (!customElements.get(tag)) customElements.define(tag, Page); // two addresses may wait for one module
      const node = document.createElement(tag);
      node.classList.add("page");
      return node;
    } catch (error) {
      console.error(error);
      this.#shown = "";
      return el("p.empty", { text: `The page ${page.title} could not be loaded: ${error.message}` });
    }
  }
}
