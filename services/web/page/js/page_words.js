/* The page's words for commands of the command line: what a person does here instead. */

const HERE = {
  "`paperdesk resume --reason ...`": "press Resume",
  "`paperdesk resume`": "Resume",
  "`paperdesk close`": "Close",
  "`paperdesk orders`": "the page Orders",
  "`paperdesk risk`": "the page Risk",
  "`paperdesk why SYMBOL`": "the page Journal",
};

/** A text of the desk with the page's words for the commands that the page has; other commands stay. */
export function onPage(text) {
  return (text ?? "").replace(/`[^`]*`/g, (command) => HERE[command] ?? command);
}

/** A hint of a denial in the page's words, without the options of the command line. */
export function hintOnPage(hint) {
  const parts = hint.split("; ").filter((part) => !part.startsWith("--"));
  return onPage(parts.join("; "));
}
