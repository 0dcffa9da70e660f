// The tabs: one stop of the Tab key, arrows go between them.

/** @returns {(id: string) => void} Brings a tab's panel to the front. */
export function startTabs() {
  const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[role=tab]")]);
  const show = (id) => {
    for (const tab of tabs) {
      const chosen = tab.id === id;
      tab.ariaSelected = String(chosen);
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
    }
  };
  for (const [place, tab] of tabs.entries()) {
    tab.addEventListener("click", () => show(tab.id));
    tab.addEventListener("keydown", ({ key }) => {
      const next = { ArrowRight: place + 1, ArrowLeft: place - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[key];
      if (next === undefined) return;
      const other = tabs[next % tabs.length];
      show(other.id);
      other.focus();
    });
  }
  return show;
}
