/* Notices: short lines in a corner, also for screen readers. A notice with the tone warn or halt stays until a person
   closes it. Above NOTICES_MAX, the oldest notice goes, first those with the tone ok. */

import { el } from "./dom.js";

const SHOWN_MS = 6_000;
const NOTICES_MAX = 5;
const box = el("div.notices", { role: "status", "aria-live": "polite" });

/**
 * Show a notice.
 * @param {string} text one line
 * @param {"ok"|"warn"|"halt"} tone a notice with the tone ok closes by itself
 */
export function notify(text, tone) {
  if (!box.isConnected) document.body.append(box);
  const notice = el("div.notice", { data: { tone } }, el("span", { text }));
  const close = el("button.button.small", { type: "button", text: "×", "aria-label": "Close the notice" });
  close.addEventListener("click", () => notice.remove());
  notice.append(close);
  box.append(notice);
  if (box.childElementCount > NOTICES_MAX) (box.querySelector("[data-tone=ok]") ?? box.firstChild).remove();
  if (tone === "ok") setTimeout(() => notice.remove(), SHOWN_MS);
}
