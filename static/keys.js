"use strict";
/* The keyboard: / filter, j k rows, Enter open, v view, a acknowledge, g f|a|n go, t theme, ? list. */
(() => {
  const one = (q, root = document) => root.querySelector(q);
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const at = () => rows().findIndex(row => row.classList.contains("at"));
  const go = { f: "/", a: "/alerts/", n: "/admin/fleet/host/add/" };
  let lead = 0;
  const move = step => {
    const all = rows();
    if (!all.length) return;
    const next = Math.min(all.length - 1, Math.max(0, at() + step));
    all.forEach((row, place) => row.classList.toggle("at", place === next));
    all[next].scrollIntoView({ block: "nearest" });
  };
  const actions = {
    "/": event => { const filter = one("#filter"); if (filter) { event.preventDefault(); filter.focus(); filter.select(); } else location.href = "/"; },
    j: () => move(1),
    k: () => move(-1),
    Enter: event => { if (event.target === document.body && at() >= 0) one("a", rows()[at()])?.click(); },
    a: () => one(".acts button", rows()[Math.max(at(), 0)] || document)?.focus(),
    v: () => one("[data-view]:not([aria-current])")?.click(),
    g: () => { lead = Date.now(); },
    t: () => document.dispatchEvent(new Event("turntheme")),
    "?": () => one("#keys")?.showModal(),
  };
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) { if (event.key === "Escape") event.target.blur(); return; }
    if (Date.now() - lead < 900 && go[event.key]) { location.href = go[event.key]; return; }
    actions[event.key]?.(event);
  });
  // choosing is asking: the button is for those without a script
  for (const form of document.querySelectorAll("form.tools")) {
    form.addEventListener("change", event => { if (event.target.matches("select")) form.requestSubmit(); });
    one(".go-filter", form)?.classList.add("sr");
    form.addEventListener("submit", () => { for (const field of form.elements) if (field.name && (field.value === "" || (field.name === "group" && field.value === "none"))) field.disabled = true; });
  }
  document.addEventListener("click", event => {
    for (const menu of document.querySelectorAll("details.who[open]")) if (!menu.contains(event.target)) menu.open = false;
    const copy = event.target.closest("[data-copy]");
    if (copy) { navigator.clipboard?.writeText(copy.previousElementSibling.textContent); copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 1500); }
  });
  addEventListener("pageshow", () => { for (const field of document.querySelectorAll("form.tools [disabled]")) field.disabled = false; });
})();
