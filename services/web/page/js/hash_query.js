/* Parameters in the hash of the address, after a "?": filters, order and selection, so that a link shows the view. */

/** The parameters by name. @returns {Object<string, string>} */
export function readQuery() {
  return Object.fromEntries(new URLSearchParams(parts()[1]));
}

/** Set parameters without a new entry in the history; an empty value or null removes one. */
export function writeQuery(changes) {
  const [path, text] = parts();
  const query = new URLSearchParams(text);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  const hash = query.size ? `${path}?${query}` : path;
  if (hash !== location.hash) history.replaceState(history.state, "", hash);
}

function parts() {
  const [path, ...rest] = location.hash.split("?");
  return [path, rest.join("?")];
}
