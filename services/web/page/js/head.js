/* Head of every page: mode, headline, open alerts, navigation, age of the drawn data, clock, and the person's settings. */

import { beep } from "./alarm.js";
import { session } from "./api.js";
import { attribute, choice, el, setText, setTone } from "./dom.js";
import { deskLook } from "./desk_look.js";
import { age, words } from "./format.js";
import { live } from "./live.js";
import { severityLook } from "./journal/alert_texts.js";
import { notify } from "./notices.js";
import { PAGES } from "./pages.js";
import { silenceOf } from "./panel.js";
import { applyTheme, settings } from "./settings.js";
import { dayText, timeText, zoneLabel } from "./times.js";
import { venueNow_ms } from "./venue_clock.js";

/** The head; `update` shows a LiveStatus and the latest state, `showPage` marks the page. */
export class HeadLine extends HTMLElement {
  #mode = el("span.badge.simulated", { hidden: true });
  #state = el("a.badge", { href: "#/desk" });
  #alertsUnit = el("span.alerts-unit");
  #alerts = el("a.badge.open-alerts", { href: "#/journal?view=alerts&status=open", hidden: true }, el("span"),
    this.#alertsUnit);
  #nav = el("nav", { "aria-label": "Pages" });
  #age = el("span.age", { title: "Age of the drawn data, by the server's clock" });
  #sign = el("span");
  #day = el("span.clock-day");
  #time = el("span");
  #clock = el("span.clock", { title: "The venue's time" }, this.#sign, this.#day, this.#time);
  #menu = menu();
  #onClick = (event) => this.#menu.contains(event.target) || (this.#menu.open = false);

  connectedCallback() {
    this.className = "head";
    for (const { name, title } of PAGES) this.#nav.append(el("a", { href: `#/${name}`, text: title, data: { name } }));
    const right = el("div.right", {}, this.#clock, zoneChoice(), this.#menu);
    const name = el("span.name", { text: "Paperdesk" });
    const line = el("div.head-first", {}, name, this.#mode, this.#state, this.#alerts, this.#age);
    this.#state.addEventListener("click", () => scrollTo(0, 0));
    this.replaceChildren(line, this.#nav, right);
    addEventListener("click", this.#onClick);
  }

  disconnectedCallback() {
    removeEventListener("click", this.#onClick);
  }

  /** Mark a page of the navigation as the current one. */
  showPage(name) {
    for (const link of this.#nav.children) attribute(link, "aria-current", link.dataset.name === name ? "page" : null);
  }

  /** @param {import("./live.js").LiveStatus} status */
  update(status) {
    const state = live.get("state");
    const mode = state ? state.mode.toUpperCase() || "VENUE UNKNOWN" : "";
    this.#mode.hidden = !mode;
    setText(this.#mode, mode);
    const { text, sign, tone } = deskLook(state);
    const isOld = status.isStale || silenceOf("portfolio");
    setText(this.#state, state ? `${isOld ? "⚠ last known: " : ""}${sign} ${text.toLowerCase()}` : "? not known");
    setTone(this.#state, isOld ? "warn" : tone);
    this.#state.classList.toggle("is-old", Boolean(isOld));
    this.#showAlerts(live.get("alerts"));
    const now_ns = venueNow_ms() * 1e6;
    setText(this.#age, status.age_ms === null ? words(status.phase) : `age ${age(status.age_ms)}`);
    setTone(this.#age, status.isStale ? "warn" : null);
    setText(this.#sign, isOld ? "⚠ " : "");
    setText(this.#day, `${dayText(now_ns)} `);
    setText(this.#time, `${timeText(now_ns)} ${zoneLabel(now_ns)}`);
    setTone(this.#clock, isOld ? "warn" : null);
  }

  #showAlerts(alerts) {
    const count = alerts?.open ?? 0;
    this.#alerts.hidden = count === 0;
    if (!count) return;
    const [sign, tone] = severityLook(alerts.worst);
    setText(this.#alerts.firstChild, `${sign} ${count}`);
    setText(this.#alertsUnit, count === 1 ? "alert" : "alerts");
    setTone(this.#alerts, tone);
    attribute(this.#alerts, "aria-label", `Open alerts: ${count}`);
    attribute(this.#alerts, "title", `Open alerts, which nobody has acknowledged. The newest: ${alerts.newest.text}`);
  }
}

function signOut() {
  session.signOut().catch((error) => notify(`Not signed out: ${error.message}`, "halt"));
}

function zoneChoice() {
  const options = [["server", "Server"], ["utc", "UTC"], ["local", "Local"]];
  return choice("Time zone", options, settings.get("zone"), (zone) => settings.set("zone", zone));
}

function menu() {
  const themes = [["auto", "Auto"], ["dark", "Dark"], ["light", "Light"]];
  const theme = choice("Theme", themes, settings.get("theme"), (value) => {
    settings.set("theme", value);
    applyTheme();
  });
  const sound = choice("Sound for a halt", [["off", "Off"], ["on", "On"]], settings.get("sound"), (value) => {
    settings.set("sound", value);
    if (value === "on") beep();
  });
  const who = el("p.quiet", { text: session.now ? `${session.now.user}, role ${session.now.role}` : "" });
  const leave = el("button.button", { type: "button", text: "Sign out", on: { click: signOut } });
  const row = (label, node) => el("div.menu-row", {}, el("span.quiet", { text: label }), node);
  const box = el("div.menu-box", {}, who, row("Theme", theme), row("Sound for a halt", sound), leave);
  const details = el("details.menu", {}, el("summary.button", { text: "Settings" }), box);
  details.addEventListener("keydown", (event) => {
    if (event.key === "Escape") details.open = false;
  });
  return details;
}

customElements.define("head-line", HeadLine);
