/* Sign-in: by user and password, or by the one-time token in an address that ends in #once=TOKEN. */

import { session } from "./api.js";
import { el, setText, setTextWithCode } from "./dom.js";

const HELP = "Without a user: on the desk's host, `paperdesk web address` prints an address that signs in once, and "
  + "`paperdesk web user add NAME --role trade` adds a user.";

const ONCE = "#once=";

/** Whether the address has a one-time token. */
export function hasOnceToken() {
  return location.hash.startsWith(ONCE);
}

/** Remove a one-time token from the address and the history, and return it; null without one. */
export function takeOnceToken() {
  if (!hasOnceToken()) return null;
  const token = decodeURIComponent(location.hash.slice(ONCE.length));
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/**
 * The sign-in page.
 * @param {string} message reason of the sign-in; empty for none
 * @returns {HTMLElement} a form that signs in; `session` has an event for it
 */
export function signInPage(message) {
  const user = field("User", { id: "user", name: "user", autocomplete: "username", required: true });
  const password = field("Password", {
    id: "password", name: "password", type: "password", autocomplete: "current-password", required: true,
  });
  const error = el("p.answer", { role: "alert", text: message, hidden: !message, "data-tone": "warn" });
  const button = el("button.button.primary", { type: "submit", text: "Sign in" });
  const onSubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await session.signIn({ user: user.lastChild.value, password: password.lastChild.value });
    } catch (problem) {
      error.hidden = false;
      error.dataset.tone = "halt";
      setText(error, problem.message);
      password.lastChild.value = "";
      password.lastChild.focus();
    } finally {
      button.disabled = false;
    }
  };
  const help = el("p.quiet");
  setTextWithCode(help, HELP);
  const form = el("form", { "aria-label": "Sign in", on: { submit: onSubmit } },
    el("h1", { text: "Paperdesk" }), error, user, password, button, help);
  return el("main.sign-in", { id: "main" }, form);
}

function field(label, props) {
  return el("div.field", {}, el("label", { for: props.id, text: label }), el("input", props));
}
