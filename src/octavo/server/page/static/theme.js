// Light or dark: as the system says, or as the reader chose with the button; the choice is remembered.
// index.html loads this module before it draws anything, so that no page flashes in the wrong colours.

import { remembered, remember } from "./storage.js";

const NAMES = ["system", "light", "dark"];

/** @param {string} name One of NAMES. */
function apply(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}

/** @returns {string} The remembered choice, "system" where there is none. */
function chosen() {
  const name = remembered("theme", "system");
  return NAMES.includes(name) ? name : "system";
}

/** Let the button go through the themes. */
export function startTheme() {
  const label = document.getElementById("theme-name");
  label.textContent = chosen();
  document.getElementById("theme").addEventListener("click", () => {
    const name = NAMES[(NAMES.indexOf(chosen()) + 1) % NAMES.length];
    remember("theme", name);
    apply(name);
    label.textContent = name;
  });
}

apply(chosen());
