// The page: puts the parts together. Each part is a module of its own.

import { ApiError, offer, useKey } from "./api.js";
import { DocumentsPanel } from "./documents.js";
import { GlossaryPanel } from "./glossary.js";
import { Languages } from "./languages.js";
import { size } from "./text.js";
import { startTabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { TextPanel } from "./translate.js";

const KEY_HINT = "The key is kept until this tab is closed.";

const byId = (id) => document.getElementById(id);

/** @param {string} words Said to those who hear the page, when nothing else is being said. */
function announce(words) {
  byId("announcement").textContent = words;
}

startTheme();
const show = startTabs();
const languages = new Languages();
const glossary = new GlossaryPanel(languages);
const text = new TextPanel(languages, glossary, announce);
const documents = new DocumentsPanel(languages, glossary, announce, () => show("tab-documents"));

/** Ask what the server can do, and begin. */
async function start() {
  byId("load-error").hidden = true;
  try {
    const found = await offer();
    text.limit = found.characters;
    documents.offer(found);
    languages.offer(found.pairs, found.detects);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.kind === "key") return;
    byId("load-error-text").textContent = error.message;
    byId("load-error").hidden = false;
  }
}

/** Swap languages and texts, or say why not. */
function swap() {
  const why = languages.oneWay;
  byId("swap-note").textContent = why ?? "";
  if (!why) text.swap();
}

function showSwap() {
  const why = languages.oneWay;
  byId("swap").ariaDisabled = String(why !== null);
  byId("swap").title = why ?? "Swap languages and texts";
  byId("swap-note").textContent = "";
}

const SHORTCUTS = { KeyS: swap, KeyC: () => text.copy(), KeyX: () => text.clear() };

document.addEventListener("keydown", (event) => {
  const action = event.altKey && event.shiftKey && !event.ctrlKey && !event.metaKey && SHORTCUTS[event.code];
  if (!action || byId("help").open) return;
  event.preventDefault();
  show("tab-text");
  void action();
});
document.addEventListener("keywanted", (event) => {
  byId("key-hint").textContent = event.detail ? "The server does not take the key that it got." : KEY_HINT;
  if (!byId("key-form").hidden) return;
  byId("key-form").hidden = false;
  byId("key").focus();
});
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(byId("key").value.trim());
  byId("key").value = "";
  byId("key-form").hidden = true;
  void start();
});
byId("load-retry").addEventListener("click", () => void start());
byId("swap").addEventListener("click", swap);
byId("help-open").addEventListener("click", () => byId("help").showModal());
languages.addEventListener("change", showSwap);
languages.addEventListener("detected", showSwap);

void start();
