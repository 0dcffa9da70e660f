// The glossary editor: terms of the chosen pair of languages, kept in this browser and sent with each text.

import { download } from "./download.js";
import { languageName } from "./languages.js";
import { remember, remembered } from "./storage.js";
import { readTerms, writeTerms } from "./tsv.js";

const MOST_TERMS = 1000;
const PAUSE_MS = 400;

const byId = (id) => document.getElementById(id);

/** Fires "change" when terms that are sent have changed. */
export class GlossaryPanel extends EventTarget {
  #languages;
  #rows = byId("terms");
  #timer = 0;
  /** The pair whose terms the rows show; "" where the source language is not known. @type {string | null} */
  #shown = null;

  /** @param {import("./languages.js").Languages} languages */
  constructor(languages) {
    super();
    this.#languages = languages;
    languages.addEventListener("change", () => this.#showPair());
    languages.addEventListener("detected", () => this.#showPair());
    this.#rows.addEventListener("input", () => this.#edited());
    this.#rows.addEventListener("keydown", (event) => this.#key(event));
    byId("term-add").addEventListener("click", () => this.#add().focus());
    byId("terms-clear").addEventListener("click", () => this.#replace([]));
    byId("terms-export").addEventListener("click", () => {
      download(new Blob([writeTerms(this.#terms())], { type: "text/tab-separated-values" }), `${this.#shown}.tsv`);
    });
    byId("terms-import").addEventListener("click", () => byId("terms-file").click());
    byId("terms-file").addEventListener("change", (event) => void this.#import(event.target));
  }

  /**
   * @param {string} source A language; with "" nothing applies.
   * @returns {import("./tsv.js").Term[]} What is sent with a text: each term once.
   */
  entries(source) {
    const found = new Map();
    for (const term of source ? stored(`${source}-${this.#languages.target}`) : []) {
      const key = JSON.stringify([term.source, term.exact]);
      if (!found.has(key)) found.set(key, term);
    }
    return [...found.values()];
  }

  #showPair() {
    const { known, target } = this.#languages;
    const pair = known ? `${known}-${target}` : "";
    byId("glossary-source").textContent = known ? languageName(known) : "the language of the text";
    byId("glossary-target").textContent = languageName(target);
    for (const id of ["term-add", "terms-import", "terms-export", "terms-clear"]) byId(id).disabled = !pair;
    if (pair === this.#shown) return;
    this.#shown = pair;
    this.#rows.replaceChildren(...(pair ? stored(pair) : []).map(row));
    this.#say(pair ? "" : "Choose a language to translate from, to see its terms.");
    this.#countTerms();
  }

  #countTerms() {
    const count = this.#terms().length;
    byId("term-count").textContent = count ? ` (${count})` : "";
  }

  /** @returns {import("./tsv.js").Term[]} Of the rows that have a term. */
  #terms() {
    return [...this.#rows.children].map(termOf).filter((term) => term.source);
  }

  #add() {
    const added = row({ source: "", target: "", exact: false });
    this.#rows.append(added);
    return added.querySelector("input");
  }

  #key(event) {
    const place = event.target.closest("tr");
    if (event.target.matches("button") || event.key !== "Enter") return;
    event.preventDefault();
    (place.nextElementSibling?.querySelector("input") ?? this.#add()).focus();
  }

  /** A row has changed: keep it, and tell when the reader pauses. */
  #edited() {
    clearTimeout(this.#timer);
    this.#keep();
    this.#timer = setTimeout(() => this.dispatchEvent(new Event("change")), PAUSE_MS);
  }

  #keep() {
    this.#countTerms();
    const kept = remember(`glossary.${this.#shown}`, this.#terms());
    this.#say(kept ? this.#doubt() : "This browser has no room for the terms; they are gone when the page is closed.");
  }

  /** Mark what is not sent. @returns {string} Why, in words. */
  #doubt() {
    const seen = new Set();
    let doubt = "";
    for (const each of this.#rows.children) {
      const term = termOf(each);
      const input = each.querySelector("input");
      const key = JSON.stringify([term.source, term.exact]);
      const twice = term.source !== "" && seen.has(key);
      const missing = !term.source && term.target !== "";
      seen.add(key);
      input.setAttribute("aria-invalid", String(twice || missing));
      if (twice) {
        doubt ||= `“${term.source}” is there twice; the first counts. Put “|” between several translations.`;
      }
      if (missing) doubt ||= `The translation “${term.target}” has no term, and is not used.`;
    }
    return doubt;
  }

  /** @param {import("./tsv.js").Term[]} terms */
  #replace(terms) {
    this.#rows.replaceChildren(...terms.map(row));
    this.#keep();
    this.dispatchEvent(new Event("change"));
  }

  async #import(input) {
    const [file] = input.files;
    if (!file) return;
    try {
      const read = readTerms(await file.text());
      const terms = new Map([...this.#terms(), ...read].map((term) => [`${term.source}\t${term.exact}`, term]));
      if (terms.size > MOST_TERMS) {
        throw new Error(`These would be ${terms.size} terms; ${MOST_TERMS} are possible here.`);
      }
      this.#replace([...terms.values()]);
    } catch (error) {
      this.#say(`${file.name} was not read. ${error.message}`);
    } finally {
      input.value = "";
    }
  }

  #say(words) {
    byId("glossary-error").textContent = words;
  }
}

/** @param {string} pair @returns {import("./tsv.js").Term[]} */
function stored(pair) {
  const terms = remembered(`glossary.${pair}`, []);
  return Array.isArray(terms) ? terms : [];
}

/** @param {import("./tsv.js").Term} term @returns {HTMLTableRowElement} */
function row(term) {
  const element = /** @type {HTMLTemplateElement} */ (byId("term-row")).content.firstElementChild.cloneNode(true);
  const [source, target, exact] = element.querySelectorAll("input");
  source.value = term.source;
  target.value = term.target;
  exact.checked = term.exact;
  element.querySelector("button").addEventListener("click", () => {
    const next = element.nextElementSibling ?? element.previousElementSibling;
    const rows = element.parentElement;
    element.remove();
    (next?.querySelector("input") ?? byId("term-add")).focus();
    rows.dispatchEvent(new Event("input"));
  });
  return element;
}

/** @param {HTMLTableRowElement} element @returns {import("./tsv.js").Term} */
function termOf(element) {
  const [source, target, exact] = element.querySelectorAll("input");
  return { source: source.value.trim(), target: target.value.trim(), exact: exact.checked };
}
