// The text panel: translates as one types. Only the answer to the newest text is shown.

import { aborted, ApiError, translate } from "./api.js";
import { Alternatives } from "./alternatives.js";
import { grouped, length, pieces } from "./text.js";

const PAUSE_MS = 250;
const ALTERNATIVES = 5;
const READ_ALOUD = 400;

const byId = (id) => document.getElementById(id);

export class TextPanel {
  #source = /** @type {HTMLTextAreaElement} */ (byId("source"));
  #output = byId("output");
  #languages;
  #glossary;
  #announce;
  #limit = Infinity;
  #timer = 0;
  #retry = 0;
  /** @type {AbortController | null} */
  #underWay = null;
  /** @type {import("./text.js").Piece[]} */
  #pieces = [];
  /** What the reader chose for a sentence; it stays while the rest of the text changes. @type {Map<string, string>} */
  #choices = new Map();
  #alternatives;

  /**
   * @param {import("./languages.js").Languages} languages
   * @param {import("./glossary.js").GlossaryPanel} glossary
   * @param {(words: string) => void} announce Says something to those who hear the page.
   */
  constructor(languages, glossary, announce) {
    this.#languages = languages;
    this.#glossary = glossary;
    this.#announce = announce;
    this.#alternatives = new Alternatives(this.#output, {
      find: (index, signal) => this.#findAlternatives(index, signal),
      choose: (index, text) => this.#choose(index, text),
    });
    this.#source.addEventListener("input", () => this.#changed());
    this.#source.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.now();
      }
    });
    const again = () => this.#restart();
    languages.addEventListener("change", again);
    glossary.addEventListener("change", again);
    window.addEventListener("online", () => byId("text-error").hidden || this.now());
    window.addEventListener("resize", () => this.#grow());
    byId("clear").addEventListener("click", () => this.clear());
    byId("copy").addEventListener("click", () => this.copy());
    byId("text-retry").addEventListener("click", () => this.now());
    this.#count();
  }

  /** @param {number} limit Characters that the server takes. */
  set limit(limit) {
    this.#limit = limit;
    this.#count();
  }

  /** @returns {string} The translation as it is shown. */
  get translation() {
    return this.#pieces.map((piece) => piece.text).join("");
  }

  /** Empty both sides, and go to the text. */
  clear() {
    this.#source.value = "";
    this.#changed();
    this.#source.focus();
  }

  /** Swap the languages, and put the translation where the text was. */
  swap() {
    this.#giveUp();
    if (this.translation.trim()) this.#source.value = this.translation;
    this.#languages.swap();
  }

  /** Copy the translation, as text. */
  async copy() {
    const text = this.translation;
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // There is no clipboard without a secure context, or without leave: select the text and copy that.
      getSelection().selectAllChildren(this.#output);
      document.execCommand("copy");
    }
    byId("copy").textContent = "Copied";
    this.#announce("The translation is copied.");
    setTimeout(() => (byId("copy").textContent = "Copy"), 2000);
  }

  /** Translate without waiting for a pause. */
  now() {
    this.#giveUp();
    void this.#translate();
  }

  /** Other languages, or another glossary: what was chosen and found no longer counts. */
  #restart() {
    this.#choices.clear();
    this.#source.lang = this.#languages.source;
    this.#output.lang = this.#languages.target;
    this.#count();
    this.#grow();
    this.now();
  }

  #changed() {
    this.#giveUp();
    this.#alternatives.close();
    this.#count();
    this.#grow();
    if (this.#source.value.trim()) this.#timer = setTimeout(() => void this.#translate(), PAUSE_MS);
    else void this.#translate();
  }

  /** Whatever was asked for before is no longer wanted. */
  #giveUp() {
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.#underWay?.abort();
    this.#underWay = null;
  }

  async #translate() {
    const text = this.#source.value.toWellFormed();
    this.#fail(null);
    if (!text.trim() || length(text) > this.#limit || !this.#languages.target) {
      this.#show([], []);
      return;
    }
    const asked = new AbortController();
    this.#underWay = asked;
    this.#output.ariaBusy = "true";
    this.#output.classList.add("old");
    try {
      const answer = await this.#ask(text, asked.signal);
      if (this.#underWay !== asked) return;
      if (!this.#languages.source) this.#languages.detected = answer.source;
      const same = answer.source === this.#languages.target;
      this.#show(same ? [{ text, source: null }] : pieces(text, answer.text, answer.segments), answer.warnings);
    } catch (error) {
      if (this.#underWay === asked && !aborted(error)) this.#fail(error);
    }
  }

  /** With the glossary of a language that the server has to find out first, a text is translated once more. */
  async #ask(text, signal) {
    const { source, target } = this.#languages;
    const answer = await translate(text, { source, target, glossary: this.#glossary.entries(source), signal });
    const entries = source ? [] : this.#glossary.entries(answer.source);
    if (!entries.length) return answer;
    return translate(text, { source: answer.source, target, glossary: entries, signal });
  }

  /** @param {unknown} error What to tell the reader; null when nothing is wrong. */
  #fail(error) {
    byId("text-error").hidden = error === null || error?.kind === "key";
    if (error === null) return;
    if (!(error instanceof ApiError)) throw error;
    this.#output.ariaBusy = "false";
    byId("text-error-text").textContent = error.message;
    if (error.kind !== "busy") return;
    byId("text-error-text").textContent += ` Your text is sent again in ${error.retryAfter} s.`;
    this.#retry = setTimeout(() => this.now(), error.retryAfter * 1000);
  }

  /** @param {import("./text.js").Piece[]} found @param {string[]} warnings */
  #show(found, warnings) {
    this.#output.ariaBusy = "false";
    this.#output.classList.remove("old");
    this.#pieces = found.map((piece) => ({ ...piece, text: this.#choices.get(piece.source) ?? piece.text }));
    this.#render();
    byId("warnings").replaceChildren(
      ...warnings.map((warning) => {
        const item = document.createElement("li");
        item.textContent = warning;
        return item;
      }),
    );
    const said = this.translation;
    if (said) this.#announce([said.length > READ_ALOUD ? "Translated." : said, ...warnings].join(" "));
  }

  #render() {
    this.#alternatives.close();
    this.#output.replaceChildren(
      ...this.#pieces.map((piece, index) => (piece.source === null ? piece.text : sentence(piece, index))),
    );
    this.#alternatives.renew();
    byId("copy").disabled = !this.translation;
  }

  async #findAlternatives(index, signal) {
    const piece = this.#pieces[index];
    const source = this.#languages.known;
    const glossary = this.#glossary.entries(source);
    const options = { source, target: this.#languages.target, glossary, alternatives: ALTERNATIVES, signal };
    const answer = await translate(piece.source, options);
    return [...new Set([piece.text, ...answer.alternatives])];
  }

  #choose(index, text) {
    this.#choices.set(this.#pieces[index].source, text);
    this.#pieces[index].text = text;
    this.#render();
    this.#announce(text);
  }

  #count() {
    const count = length(this.#source.value);
    const over = count - this.#limit;
    const limit = this.#limit === Infinity ? "" : ` / ${grouped(this.#limit)}`;
    byId("count").textContent = over > 0 ? `${grouped(over)} characters too many` : `${grouped(count)}${limit}`;
    byId("count").classList.toggle("error", over > 0);
    this.#source.setAttribute("aria-invalid", String(over > 0));
  }

  /** Text areas grow with their text. Where CSS does it (field-sizing), this changes nothing. */
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#source.style.height = "auto";
    this.#source.style.height = `${this.#source.scrollHeight}px`;
  }
}

/** @param {import("./text.js").Piece} piece @param {number} index @returns {HTMLElement} */
function sentence(piece, index) {
  const element = document.createElement("span");
  element.className = "sentence";
  element.role = "button";
  element.ariaHasPopup = "menu";
  element.tabIndex = -1;
  element.dataset.index = String(index);
  element.textContent = piece.text;
  return element;
}

