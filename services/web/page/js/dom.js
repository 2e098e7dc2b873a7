/* Elements: they are made once, and only differences are written. Text is set by textContent alone, never as markup. */

/**
 * Make an element.
 * @param {string} tag name of the element, optionally with classes: "p.empty"
 * @param {Object<string, any>} [props] attributes; `text`, `on` {event: handler}, `data` {name: value} and `props`
 *   {property: value} are special; an attribute with the value null, undefined or false is left out
 * @param {...(Node|string|null)} children nodes, or strings that become text
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) setProp(node, key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function setProp(node, key, value) {
  if (key === "text") node.textContent = value;
  else if (key === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
  else if (key === "data") Object.assign(node.dataset, value);
  else if (key === "props") Object.assign(node, value);
  else attribute(node, key, value);
}

/** Set an attribute, or remove it with null, undefined or false; an equal value is not written again. */
export function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

/** Set the text of an element; an equal text is not written again. */
export function setText(node, text) {
  const wanted = text === null || text === undefined ? "" : String(text);
  const only = node.firstChild;
  if (only && only === node.lastChild && only.nodeType === Node.TEXT_NODE) {
    if (only.data !== wanted) only.data = wanted;
  } else if (only || wanted) node.textContent = wanted;
}

/** Set a text in which words between backticks are shown as code. */
export function setTextWithCode(node, text) {
  if (node.textWithCode === text) return;
  node.textWithCode = text;
  const parts = String(text ?? "").split("`");
  node.replaceChildren(...parts.map((part, index) => (index % 2 ? el("code", { text: part }) : part)));
}

/** Set the tone (up, down, warn, halt, ok, faint, or null for none), which a style colours. */
export function setTone(node, tone) {
  attribute(node, "data-tone", tone || null);
}

/** Show or hide an element. */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/**
 * Make the child elements of a container match a list, by key: nodes are made once, reused, moved and removed.
 * @template T
 * @param {HTMLElement} container its children are only those made here
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} make
 * @param {(node: HTMLElement, item: T) => void} update
 */
export function keyed(container, items, keyOf, make, update) {
  const known = container.keyedNodes || (container.keyedNodes = new Map());
  const wanted = new Set();
  let place = container.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    wanted.add(key);
    let node = known.get(key);
    if (!node) known.set(key, (node = make(item)));
    if (node === place) place = place.nextSibling;
    else container.insertBefore(node, place);
    update(node, item);
  }
  for (const [key, node] of known) {
    if (!wanted.has(key)) {
      node.remove();
      known.delete(key);
    }
  }
}

/**
 * A row of buttons of which one is chosen.
 * @param {string} label what is chosen, for screen readers
 * @param {Array<[string, string]>} options pairs of value and text
 * @param {string} value the chosen value
 * @param {(value: string) => void} onChoose
 * @returns {HTMLElement & {choose: (value: string) => void}} `choose` shows another value as chosen
 */
export function choice(label, options, value, onChoose) {
  const group = el("div.choice", { role: "group", "aria-label": label });
  group.choose = (chosen) => {
    for (const button of group.children) attribute(button, "aria-pressed", String(button.value === chosen));
  };
  for (const [key, text] of options) {
    const button = el("button", { type: "button", value: key, text });
    button.addEventListener("click", () => {
      group.choose(key);
      onChoose(key);
    });
    group.append(button);
  }
  group.choose(value);
  return group;
}
