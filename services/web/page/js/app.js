/* Start of the page: sign-in or the frame, and the parts of the frame that follow the live connection. */

import { showAlarm, showHiddenAlarm } from "./alarm.js";
import { session } from "./api.js";
import { el } from "./dom.js";
import "./head.js";
import { HiddenWatch } from "./hidden_watch.js";
import { live } from "./live.js";
import { markSilentPanels } from "./panel.js";
import { Router } from "./router.js";
import { applyTheme, settings } from "./settings.js";
import { hasOnceToken, signInPage, takeOnceToken } from "./sign_in.js";
import "./stale_bar.js";
import { setServerClock } from "./times.js";

const root = document.getElementById("app");

/** The frame around the pages of a signed-in person. */
class Frame {
  #head = document.createElement("head-line");
  #bar = document.createElement("stale-bar");
  #main = el("main", { id: "main", tabindex: "-1" });
  #router = new Router(this.#main, (page) => this.#head.showPage(page.name));
  #hidden = new HiddenWatch(showHiddenAlarm);
  #onStatus = (event) => this.#update(event.detail);
  #endWatch = null;

  open() {
    root.replaceChildren(el("div.frame", {}, this.#head, this.#bar, this.#main));
    this.#endWatch = live.watch(["state"], () => takeServerClock());
    live.addEventListener("status", this.#onStatus);
    live.start();
    this.#hidden.start();
    this.#router.start();
  }

  close() {
    live.removeEventListener("status", this.#onStatus);
    this.#hidden.stop();
    this.#endWatch();
    this.#router.stop();
    live.stop();
  }

  #update(status) {
    this.#head.update(status);
    this.#bar.update(status);
    markSilentPanels();
    showAlarm();
  }
}

function takeServerClock() {
  const state = live.get("state");
  if (state) setServerClock(state.server_clock, state.utc_offset_s);
}

let frame = null;

function showFrame() {
  frame = new Frame();
  frame.open();
}

function showSignIn(message) {
  frame?.close();
  frame = null;
  document.documentElement.classList.remove("is-stale");
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  root.replaceChildren(signInPage(message));
  root.querySelector("input").focus();
}

function showSignedOut() {
  showSignIn("The session has ended. Sign in again.");
  document.title = "Paperdesk";
}

/** Move the focus to the page without a change of the address, whose hash is the name of a page. */
function focusMain(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

async function start() {
  document.querySelector("a.skip").addEventListener("click", focusMain);
  applyTheme();
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", applyTheme);
  settings.onChange(() => live.redraw());
  session.addEventListener("signed-in", showFrame);
  session.addEventListener("signed-out", showSignedOut);
  addEventListener("hashchange", () => {
    if (hasOnceToken()) location.reload(); // a person opened a one-time address in the tab of the page
  });
  const once = takeOnceToken();
  try {
    if (once) await session.signIn({ once });
    else await session.load();
  } catch (error) {
    showSignIn(once || error.status !== 401 ? error.message : "");
  }
}

start();
