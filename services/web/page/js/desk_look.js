/* Look of a state of the desk: sign, tone and icon, so that colour is not the only difference. */

const TRADING_STATES = { ACTIVE: ["●", "ok"], REDUCE_ONLY: ["▼", "warn"], HALTED: ["■", "halt"] };

const HEADLINES = {
  TRADING: ["●", "ok", "active"],
  "PARTLY TRADING": ["▲", "warn", "reduce"],
  "REDUCE ONLY": ["▼", "warn", "reduce"],
  "NOT TRADING": ["■", "halt", "halted"],
  HALTED: ["■", "halt", "halted"],
  FAILED: ["■", "halt", "halted"],
};

/** Sign and tone of a trading state: ["■", "halt"]. */
export function tradingStateLook(trading_state) {
  return TRADING_STATES[trading_state] ?? ["?", "faint"];
}

/**
 * The look of the headline, which depends on all conditions: an ACTIVE desk may be prevented from trading.
 * @param {{headline: string}|undefined} state value of the cell `state`
 * @returns {{text: string, sign: string, tone: string, icon: string}} empty text before the state is known
 */
export function deskLook(state) {
  const [sign, tone, icon] = HEADLINES[state?.headline] ?? ["?", "faint", "unknown"];
  return { text: state?.headline ?? "", sign, tone, icon };
}
