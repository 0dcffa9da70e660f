// Text as the server counts it: in code points, where JavaScript counts UTF-16 units.

/** @param {string} text @returns {number} Code points. */
export function length(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * Places in a text, from code points to UTF-16 units.
 * @param {string} text
 * @param {number[]} places In code points, in any order.
 * @returns {Map<number, number>}
 */
export function unitPlaces(text, places) {
  const wanted = [...new Set(places)].sort((a, b) => a - b);
  const units = new Map();
  let point = 0;
  let unit = 0;
  for (const place of wanted) {
    while (point < place && unit < text.length) {
      unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
      point += 1;
    }
    units.set(place, unit);
  }
  return units;
}

/**
 * @typedef {object} Piece A part of a translation.
 * @property {string} text
 * @property {string | null} source The sentence that it translates; null for what stands between sentences.
 */

/**
 * @typedef {object} Segment A sentence, as the server cut it, in the order of the text. Places are in code points.
 * @property {number} source_start
 * @property {number} source_end
 * @property {number} start In the translation.
 * @property {number} end
 * @property {"model" | "memory" | "copy"} origin "copy": there is nothing to translate in it.
 */

/**
 * Cut a translation at its segments. Without any, it is one piece: behind two models nobody knows its sentences.
 * @param {string} source
 * @param {string} target
 * @param {Segment[]} segments
 * @returns {Piece[]} They join to the target.
 */
export function pieces(source, target, segments) {
  if (!segments.length) return [{ text: target, source }];
  const inSource = unitPlaces(source, segments.flatMap((each) => [each.source_start, each.source_end]));
  const inTarget = unitPlaces(target, segments.flatMap((each) => [each.start, each.end]));
  /** @type {Piece[]} */
  const found = [];
  let at = 0;
  const add = (text, sentence) => {
    if (text) found.push({ text, source: sentence });
  };
  for (const segment of segments) {
    const start = inTarget.get(segment.start);
    const sentence = source.slice(inSource.get(segment.source_start), inSource.get(segment.source_end));
    add(target.slice(at, start), null);
    at = inTarget.get(segment.end);
    add(target.slice(start, at), segment.origin === "copy" ? null : sentence);
  }
  add(target.slice(at), null);
  return found;
}

/** @param {number} count @returns {string} With separators, as the page's language writes them. */
export function grouped(count) {
  return count.toLocaleString("en");
}

/** @param {number} bytes @returns {string} */
export function size(bytes) {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const kib = bytes / 1024;
  const [number, unit] = kib < 1024 ? [kib, "KiB"] : [kib / 1024, "MiB"];
  return `${number.toLocaleString("en", { maximumFractionDigits: 1 })} ${unit}`;
}
