/* Age of the newest quote of a symbol, by the server's clock. */

import { live } from "../live.js";

const OLD_MS = 2_000; // also of a quiet symbol, whose quote is valid until the next one

/** Age in ms of a symbol's quote, null without one, and whether it is old; quotes of a closed market are not old. */
export function quoteAge(symbol) {
  const quote = live.get(`quote:${symbol}`);
  const age_ms = quote ? live.now_ms() - quote.received_ns / 1e6 : null;
  const isClosed = live.get(`market:${symbol}`)?.is_open === false;
  return { age_ms, isOld: age_ms !== null && age_ms > OLD_MS && !isClosed };
}
