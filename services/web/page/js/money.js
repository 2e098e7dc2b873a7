/* Amounts of the account's currency and prices of a symbol, with their digits from the live cells. */

import { price, signed } from "./format.js";
import { live } from "./live.js";

/** The account's currency, empty while it is not known. */
export function currency() {
  return live.get("state")?.currency ?? "";
}

/** Digits of an amount of the account's currency. */
export function moneyDigits() {
  return live.get("state")?.currency_digits ?? 2;
}

/** An amount with its sign: "+12.40", "−3.00"; a dash for none. */
export function money(value) {
  return signed(value, moneyDigits());
}

/** An amount with sign and currency. */
export function moneyWithUnit(value) {
  return value === null || value === undefined ? "–" : `${money(value)} ${currency()}`.trim();
}

/** A price with the symbol's digits, or unchanged while they are not known. */
export function priceOf(symbol, value) {
  if (value === null || value === undefined) return "–";
  const digits = live.get(`market:${symbol}`)?.digits ?? live.get(`quote:${symbol}`)?.digits;
  return digits === undefined || digits === null ? String(value) : price(value, digits);
}
