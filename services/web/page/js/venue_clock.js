/* The venue's time now: the server's clock, or in a replay the time of the last decided tick. */

import { live } from "./live.js";
import { shortTimeText } from "./times.js";

const REPLAY_MS = 3_600_000; // a venue's clock that differs more from the server's is that of a replay

/** The venue's time now in milliseconds since 1970. */
export function venueNow_ms() {
  const now_ms = live.now_ms();
  const venue_ms = (live.get("state")?.venue_time_ns ?? 0) / 1e6;
  return venue_ms && Math.abs(now_ms - venue_ms) > REPLAY_MS ? venue_ms : now_ms;
}

/** A venue's time for a row of a list: without the day if it is today's. */
export function timeInList(time_ns) {
  return shortTimeText(time_ns, venueNow_ms() * 1e6);
}
