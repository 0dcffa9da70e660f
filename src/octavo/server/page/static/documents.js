// The documents panel: files go up, are translated and come back. Each can be cancelled.

import { aborted, ApiError } from "./api.js";
import { download } from "./download.js";
import { translateDocument } from "./document-api.js";
import { size } from "./text.js";

const AT_ONCE = 2;

const byId = (id) => document.getElementById(id);

export class DocumentsPanel {
  #languages;
  #glossary;
  #announce;
  #show;
  #list = byId("documents");
  /** @type {DocumentRow[]} */
  #waiting = [];
  #running = 0;
  #mostBytes = Infinity;

  /**
   * @param {import("./languages.js").Languages} languages
   * @param {import("./glossary.js").GlossaryPanel} glossary
   * @param {(words: string) => void} announce
   * @param {() => void} show Brings the panel to the front.
   */
  constructor(languages, glossary, announce, show) {
    this.#languages = languages;
    this.#glossary = glossary;
    this.#announce = announce;
    this.#show = show;
    const input = /** @type {HTMLInputElement} */ (byId("files"));
    byId("choose").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.add(input.files);
      input.value = "";
    });
    this.#listenForDrops();
  }

  /** @param {import("./api.js").Offer} found What the server takes. */
  offer({ formats, documentBytes }) {
    const names = Object.keys(formats).map((name) => name.toUpperCase()).sort();
    this.#mostBytes = documentBytes;
    byId("files").accept = Object.values(formats).flat().join(",");
    byId("document-limits").textContent = `${names.join(", ")}; up to ${size(documentBytes)} each.`;
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) {
      const { source, target } = this.#languages;
      const row = new DocumentRow(file, { source, target, glossary: this.#glossary.entries(source) });
      this.#list.append(row.element);
      if (file.size > this.#mostBytes) {
        row.fail(`This document is larger than ${size(this.#mostBytes)}, the most that this server takes.`);
        continue;
      }
      row.removed = () => (this.#waiting = this.#waiting.filter((each) => each !== row));
      this.#waiting.push(row);
    }
    this.#next();
  }

  #next() {
    while (this.#running < AT_ONCE && this.#waiting.length) {
      const row = this.#waiting.shift();
      this.#running += 1;
      void row.run().then((words) => {
        this.#running -= 1;
        if (words) this.#announce(words);
        this.#next();
      });
    }
  }

  #listenForDrops() {
    const over = (event, is) => {
      if (!event.dataTransfer?.types.includes("Files")) return false;
      event.preventDefault();
      document.body.classList.toggle("dropping", is);
      return true;
    };
    document.addEventListener("dragover", (event) => over(event, true));
    document.addEventListener("dragleave", (event) => event.relatedTarget ?? over(event, false));
    document.addEventListener("drop", (event) => {
      if (!over(event, false)) return;
      this.#show();
      this.add(filesOf(event.dataTransfer));
    });
  }
}

/** @param {DataTransfer} dropped @returns {File[]} Without folders. */
function filesOf(dropped) {
  const items = [...dropped.items].filter((each) => each.kind === "file");
  return items.filter((each) => !each.webkitGetAsEntry()?.isDirectory).map((each) => each.getAsFile());
}

/** A document on its way. */
class DocumentRow {
  element = /** @type {HTMLElement} */ (byId("document-row").content.firstElementChild.cloneNode(true));
  removed = () => {};
  #file;
  #options;
  #control = new AbortController();
  /** @type {Blob | null} */
  #result = null;

  /** @param {File} file @param {{source: string, target: string, glossary: object[]}} options */
  constructor(file, options) {
    this.#file = file;
    this.#options = options;
    this.#part("name").textContent = file.name;
    this.#part("size").textContent = size(file.size);
    this.#part("cancel").setAttribute("aria-label", `Cancel ${file.name}`);
    this.#part("cancel").addEventListener("click", () => this.#remove());
    this.#part("download").setAttribute("aria-label", `Download the translation of ${file.name}`);
    this.#part("download").addEventListener("click", () => download(this.#result, this.#newName()));
    this.#state("Waiting", 0);
  }

  /** @returns {Promise<string>} What there is to say at its end. */
  async run() {
    try {
      this.#result = await translateDocument(this.#file, {
        ...this.#options,
        signal: this.#control.signal,
        progress: (words, share) => this.#state(words, share),
      });
      this.#end("Translated");
      this.#part("download").hidden = false;
      return `${this.#file.name} is translated.`;
    } catch (error) {
      if (aborted(error)) return "";
      if (!(error instanceof ApiError)) throw error;
      this.fail(error.message);
      return `${this.#file.name} was not translated. ${error.message}`;
    }
  }

  /** @param {string} why It is not translated. */
  fail(why) {
    this.element.classList.add("failed");
    this.#end(why);
  }

  #end(words) {
    this.#state(words, 1);
    this.#part("progress").hidden = true;
    this.#part("cancel").textContent = "Remove";
    this.#part("cancel").setAttribute("aria-label", `Remove ${this.#file.name} from the list`);
  }

  #remove() {
    this.#control.abort();
    const next = this.element.nextElementSibling ?? this.element.previousElementSibling;
    this.element.remove();
    this.removed();
    (next?.querySelector(".cancel") ?? byId("choose")).focus();
  }

  /** @param {string} words @param {number | null} share From 0 to 1; null where nobody knows. */
  #state(words, share) {
    this.#part("state").textContent = words;
    const progress = /** @type {HTMLProgressElement} */ (this.#part("progress"));
    if (share === null) progress.removeAttribute("value");
    else progress.value = share;
  }

  /** "report.de.docx" for "report.docx". */
  #newName() {
    const dot = this.#file.name.lastIndexOf(".");
    const end = dot > 0 ? dot : this.#file.name.length;
    return `${this.#file.name.slice(0, end)}.${this.#options.target}${this.#file.name.slice(end)}`;
  }

  /** @param {string} name A class of the row's parts. @returns {any} */
  #part(name) {
    return this.element.querySelector(`.${name}`);
  }
}
