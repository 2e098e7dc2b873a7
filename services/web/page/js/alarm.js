/* State of the desk in title and icon of the tab, and a sound when the desk halts (off by default). */

import { deskLook } from "./desk_look.js";
import { signed } from "./format.js";
import { live } from "./live.js";
import { silenceOf } from "./panel.js";
import { settings } from "./settings.js";

const TONES_HZ = [880, 587, 880, 587];
const TONE_S = 0.22;
let sound = null;
let before = "";

/** Show the live state and the P&L of the day in the tab's title and icon, and sound the alarm at a halt. */
export function showAlarm() {
  if (live.status.phase === "hidden") return;
  const isStale = live.status.isStale || silenceOf("portfolio") !== "";
  showState(live.get("state"), live.get("pnl"), isStale);
}

/** The same for a hidden tab; `found` is null when the server does not answer, and the last state is then stale. */
export function showHiddenAlarm(found) {
  showState(found?.state ?? live.get("state"), found?.pnl ?? live.get("pnl"), found === null);
}

function showState(state, pnl, isStale) {
  const { text, tone, icon } = deskLook(state);
  const amount = dayText(pnl?.today?.balance_change, state?.currency ?? "");
  const mark = isStale ? "! STALE " : "";
  const title = text ? `${mark}${text}${amount} · Paperdesk` : `${mark}Paperdesk`;
  if (document.title !== title) document.title = title;
  showIcon(isStale ? "stale" : icon);
  if (tone === "halt" && before && before !== "halt" && settings.get("sound") === "on") beep();
  before = text ? tone : before;
}

/** Sound the alarm; browsers permit sound only after the person has used the page. */
export function beep() {
  sound ??= new AudioContext();
  sound.resume();
  TONES_HZ.forEach((hertz, index) => {
    const start_s = sound.currentTime + index * TONE_S;
    const volume = sound.createGain();
    volume.gain.setValueAtTime(0.2, start_s);
    volume.gain.exponentialRampToValueAtTime(0.001, start_s + TONE_S);
    const tone = new OscillatorNode(sound, { type: "square", frequency: hertz });
    tone.connect(volume).connect(sound.destination);
    tone.start(start_s);
    tone.stop(start_s + TONE_S);
  });
}

function dayText(net, currency) {
  return net === undefined || net === null ? "" : ` ${signed(net, Math.abs(net) < 1000 ? 2 : 0)} ${currency}`;
}

function showIcon(name) {
  const link = document.getElementById("icon");
  const address = `icons/${name}.svg`;
  if (link.getAttribute("href") !== address) link.setAttribute("href", address);
}
