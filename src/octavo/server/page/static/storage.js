// What this browser remembers: settings and glossaries, never a text that was translated.

const PREFIX = "octavo.";

/**
 * @template T
 * @param {string} name
 * @param {T} otherwise What to return where nothing is stored, or nothing can be read.
 * @returns {T}
 */
export function remembered(name, otherwise) {
  try {
    const stored = localStorage.getItem(PREFIX + name);
    return stored === null ? otherwise : JSON.parse(stored);
  } catch {
    return otherwise;
  }
}

/**
 * @param {string} name
 * @param {unknown} value What JSON can say; null forgets.
 * @returns {boolean} Whether it was stored: a browser may refuse, or have no room.
 */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
