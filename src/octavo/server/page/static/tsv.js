// Glossaries as files: the TSV that `octavo translate --glossary` reads, with a term, its translation and "exact".

/**
 * @typedef {object} Term
 * @property {string} source
 * @property {string} target Several have "|" between them; "" keeps the term as it is.
 * @property {boolean} exact Whether capital and small letters must be the same.
 */

/** @param {string} text @returns {Term[]} @throws {Error} With the line that is wrong. */
export function readTerms(text) {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  return lines.flatMap((line, index) => {
    const columns = line.split("\t").map((column) => column.trim());
    if (!line.trim() || line.startsWith("#")) return [];
    if (index === 0 && columns[0] === "source" && columns[1] === "target") return [];
    const [source, target = "", exact = ""] = columns;
    if (!source) throw new Error(`Line ${index + 1} has no term. Write it before the tab.`);
    if (columns.length > 3 || (exact && exact !== "exact")) {
      throw new Error(`Line ${index + 1} has more than a term, a translation and "exact".`);
    }
    return [{ source, target, exact: exact === "exact" }];
  });
}

/** @param {Term[]} terms @returns {string} */
export function writeTerms(terms) {
  const lines = terms.map(({ source, target, exact }) => [source, target, ...(exact ? ["exact"] : [])].join("\t"));
  return ["source\ttarget", ...lines, ""].join("\n");
}
