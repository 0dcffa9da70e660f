// The two languages: what the server can translate, what is chosen, and the way back.

import { remembered, remember } from "./storage.js";

const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

/** @param {string} tag @returns {string} "German" for "de". */
export function languageName(tag) {
  try {
    return names.of(tag);
  } catch {
    return tag;
  }
}

/**
 * The chosen pair; `source` is "" where the server finds it out. It fires "change" when another pair is chosen, and
 * "detected" when the server has found another language.
 */
export class Languages extends EventTarget {
  #sources = /** @type {HTMLSelectElement} */ (document.getElementById("source-language"));
  #targets = /** @type {HTMLSelectElement} */ (document.getElementById("target-language"));
  /** @type {[string, string][]} */
  #pairs = [];
  #detects = false;
  #detected = "";

  constructor() {
    super();
    this.#sources.addEventListener("change", () => {
      this.#showTargets(this.target);
      this.#changed();
    });
    this.#targets.addEventListener("change", () => this.#changed());
  }

  /** @param {[string, string][]} pairs @param {boolean} detects Whether the server can find a text's language out. */
  offer(pairs, detects) {
    this.#pairs = pairs;
    this.#detects = detects;
    const [source, target] = remembered("languages", [null, ""]);
    const tags = sorted(new Set(pairs.map((pair) => pair[0])));
    this.#sources.replaceChildren(
      ...(detects ? [new Option("Detect language", "")] : []),
      ...tags.map((tag) => new Option(languageName(tag), tag)),
    );
    choose(this.#sources, source ?? (tags.length > 1 ? "" : tags[0]));
    this.#showTargets(target);
    this.#changed();
  }

  /** @returns {string} */
  get source() {
    return this.#sources.value;
  }

  /** @returns {string} */
  get target() {
    return this.#targets.value;
  }

  /** @returns {string} The chosen source language, or the one that was found; "" where neither is. */
  get known() {
    return this.source || this.#detected;
  }

  /** @param {string} tag The language that the server found; "" for none. */
  set detected(tag) {
    this.#detected = tag;
    const option = [...this.#sources.options].find((each) => each.value === "");
    if (option) option.text = tag ? `${languageName(tag)} (detected)` : "Detect language";
    this.dispatchEvent(new Event("detected"));
  }

  /** @returns {string | null} Why the languages cannot be swapped, in words; null where they can. */
  get oneWay() {
    if (!this.known) return "Choose a language to translate from first.";
    if (this.#pairs.some(([source, target]) => source === this.target && target === this.known)) return null;
    return `This server does not translate from ${languageName(this.target)} to ${languageName(this.known)}.`;
  }

  /** Exchange the two; `oneWay` must be null. */
  swap() {
    const [source, target] = [this.target, this.known];
    choose(this.#sources, source);
    this.#showTargets(target);
    this.#changed();
  }

  /** @param {string} wanted Stays chosen where the source language allows. */
  #showTargets(wanted) {
    const offered = this.#pairs.filter(([source]) => !this.source || source === this.source);
    const tags = sorted(new Set(offered.map((pair) => pair[1])));
    this.#targets.replaceChildren(...tags.map((tag) => new Option(languageName(tag), tag)));
    choose(this.#targets, wanted);
  }

  #changed() {
    this.detected = "";
    remember("languages", [this.source, this.target]);
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Set<string>} tags @returns {string[]} By their names. */
function sorted(tags) {
  return [...tags].sort((a, b) => languageName(a).localeCompare(languageName(b), "en"));
}

/** @param {HTMLSelectElement} select @param {string} value Chosen where it is offered, else the first is. */
function choose(select, value) {
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}
