/* The Desk page. */

import { el } from "../dom.js";

/** What a trader looks at while the desk runs. */
export default class DeskPage extends HTMLElement {
  connectedCallback() {
    this.replaceChildren(el("h1", { text: "Desk" }));
  }
}
