/* The pages by name. The module of a page exports by default a class that extends HTMLElement: connectedCallback builds
   the page and starts its watches, disconnectedCallback ends them; `params` has the parameters of the address. */

/** @type {Array<{name: string, title: string, load: () => Promise<{default: typeof HTMLElement}>}>} */
export const PAGES = [
  { name: "desk", title: "Desk", load: () => import("./pages/desk.js") },
  { name: "orders", title: "Orders", load: () => import("./pages/orders.js") },
  { name: "trades", title: "Trades", load: () => import("./pages/trades.js") },
  { name: "risk", title: "Risk", load: () => import("./pages/risk.js") },
  { name: "latency", title: "Latency", load: () => import("./pages/latency.js") },
  { name: "model", title: "Model", load: () => import("./pages/model.js") },
  { name: "journal", title: "Journal", load: () => import("./pages/journal.js") },
  { name: "system", title: "System", load: () => import("./pages/system.js") },
];
