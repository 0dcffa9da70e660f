// Other translations of one sentence: a menu below it. Sentences are one stop of the Tab key; arrows go between them.

import { aborted, ApiError } from "./api.js";

/**
 * @typedef {object} Handlers
 * @property {(index: number, signal: AbortSignal) => Promise<string[]>} find The shown translation first.
 * @property {(index: number, text: string) => void} choose
 */

export class Alternatives {
  #output;
  #handlers;
  #menu = document.getElementById("alternatives");
  /** @type {HTMLElement | null} */
  #opener = null;
  /** @type {AbortController | null} */
  #underWay = null;
  #current = 0;

  /** @param {HTMLElement} output Its sentences have the class. @param {Handlers} handlers */
  constructor(output, handlers) {
    this.#output = output;
    this.#handlers = handlers;
    output.addEventListener("click", (event) => this.#clicked(event.target));
    output.addEventListener("keydown", (event) => this.#sentenceKey(event));
    output.addEventListener("focusin", (event) => this.#stopAt(this.#sentences.indexOf(event.target)));
    this.#menu.addEventListener("keydown", (event) => this.#menuKey(event));
    this.#menu.addEventListener("focusout", (event) => {
      if (!this.#menu.contains(event.relatedTarget) && event.relatedTarget) this.close();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!this.#menu.contains(event.target) && !this.#output.contains(event.target)) this.close();
    });
  }

  /** The sentences are new ones. */
  renew() {
    this.#stopAt(Math.min(this.#current, this.#sentences.length - 1));
  }

  /** Close the menu. @param {boolean} [back] Whether the focus goes back to the sentence. */
  close(back = false) {
    this.#underWay?.abort();
    this.#underWay = null;
    this.#menu.hidden = true;
    const opener = this.#opener;
    this.#opener = null;
    opener?.removeAttribute("aria-expanded");
    if (back) opener?.focus();
  }

  /** @returns {HTMLElement[]} */
  get #sentences() {
    return [...this.#output.querySelectorAll(".sentence")];
  }

  /** @returns {HTMLElement[]} */
  get #items() {
    return [...this.#menu.querySelectorAll("[role=menuitemradio]")];
  }

  #stopAt(place) {
    if (place < 0) return;
    this.#current = place;
    this.#sentences.forEach((sentence, index) => (sentence.tabIndex = index === place ? 0 : -1));
  }

  #clicked(target) {
    const sentence = target instanceof Element ? target.closest(".sentence") : null;
    if (!sentence) return this.close();
    // Whoever selects text with the mouse wants to copy it.
    if (getSelection().isCollapsed) void this.#toggle(sentence);
    return undefined;
  }

  #sentenceKey(event) {
    const sentences = this.#sentences;
    const place = sentences.indexOf(event.target);
    if (place < 0) return;
    const there = { ArrowRight: place + 1, ArrowDown: place + 1, ArrowLeft: place - 1, ArrowUp: place - 1, Home: 0 };
    if (event.key === "Enter" || event.key === " ") void this.#toggle(event.target);
    else if (event.key === "Escape") this.close();
    else if (event.key === "End") sentences.at(-1).focus();
    else if (event.key in there) sentences[there[event.key]]?.focus();
    else return;
    event.preventDefault();
  }

  #menuKey(event) {
    const items = this.#items;
    const place = items.indexOf(document.activeElement);
    if (event.key === "Escape") this.close(true);
    else if (event.key === "Tab") this.close(true);
    else if (event.key === "ArrowDown") items[(place + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items.at((place - 1) % items.length)?.focus();
    else if (event.key === "Home") items[0]?.focus();
    else if (event.key === "End") items.at(-1)?.focus();
    else return;
    if (event.key !== "Tab") event.preventDefault();
  }

  async #toggle(sentence) {
    const open = this.#opener === sentence;
    this.close(open);
    if (open) return;
    this.#opener = sentence;
    sentence.setAttribute("aria-expanded", "true");
    this.#say("Looking for other translations …");
    const asked = new AbortController();
    this.#underWay = asked;
    const index = Number(sentence.dataset.index);
    try {
      const found = await this.#handlers.find(index, asked.signal);
      if (this.#underWay === asked) this.#offer(found, index);
    } catch (error) {
      if (aborted(error) || this.#underWay !== asked) return;
      if (!(error instanceof ApiError)) throw error;
      this.#say(error.message);
    }
  }

  /** @param {string[]} found @param {number} index */
  #offer(found, index) {
    if (found.length < 2) return this.#say("There is no other translation of this sentence.");
    const items = found.map((text, place) => {
      const item = document.createElement("button");
      item.type = "button";
      item.role = "menuitemradio";
      item.ariaChecked = String(place === 0);
      item.tabIndex = -1;
      item.dir = "auto";
      item.lang = this.#output.lang;
      item.textContent = text;
      item.addEventListener("click", () => this.#chosen(index, text));
      return item;
    });
    this.#menu.replaceChildren(...items);
    this.#place();
    return items[0].focus();
  }

  #chosen(index, text) {
    this.close();
    this.#handlers.choose(index, text);
    this.#output.querySelector(`[data-index="${index}"]`)?.focus();
  }

  #say(words) {
    const note = document.createElement("p");
    note.setAttribute("role", "status");
    note.textContent = words;
    this.#menu.replaceChildren(note);
    this.#place();
  }

  /** Below the last line of the sentence. */
  #place() {
    this.#menu.hidden = false;
    const frame = this.#menu.parentElement.getBoundingClientRect();
    this.#menu.style.top = `${this.#opener.getBoundingClientRect().bottom - frame.top + 6}px`;
  }
}
