"use strict";
/* Loaded in the head, before anything is drawn: a stored choice of light or dark must not flash. */
(() => {
  const root = document.documentElement;
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (["light", "dark"].includes(stored())) root.dataset.theme = stored();
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const changed = () => document.dispatchEvent(new Event("themechange"));
  const turn = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private window: for this page only */ }
    changed();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-act=theme]")) { button.hidden = false; button.addEventListener("click", turn); }
  });
  document.addEventListener("turntheme", turn);
})();
