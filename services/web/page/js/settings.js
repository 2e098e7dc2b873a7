/* A person's settings in this browser: time zone, theme, sound and chart periods; kept in localStorage. */

const PREFIX = "paperdesk.";
const DEFAULTS = { zone: "server", theme: "auto", sound: "off" };

class Settings extends EventTarget {
  #chosen = new Map();

  /** The chosen value of a name, or `otherwise`, or the default. */
  get(name, otherwise = DEFAULTS[name]) {
    if (!this.#chosen.has(name)) this.#chosen.set(name, stored(name));
    return this.#chosen.get(name) ?? otherwise;
  }

  /** Choose a value. Listeners of the event `change` get the name in `detail`. */
  set(name, value) {
    this.#chosen.set(name, value);
    try {
      localStorage.setItem(PREFIX + name, value);
    } catch {
      // the browser forbids storage: the setting applies until the page is closed
    }
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }

  /** Call `listener(name)` after each choice; the returned function ends that. */
  onChange(listener) {
    const handler = (event) => listener(event.detail);
    this.addEventListener("change", handler);
    return () => this.removeEventListener("change", handler);
  }
}

function stored(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null; // the browser forbids storage
  }
}

/** The settings of this browser. */
export const settings = new Settings();

/** Apply the chosen theme, or the system's, to the document; event of `settings`: "theme-applied". */
export function applyTheme() {
  const chosen = settings.get("theme");
  const isLight = chosen === "light" || (chosen === "auto" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = isLight ? "light" : "dark";
  settings.dispatchEvent(new CustomEvent("change", { detail: "theme-applied" }));
}
