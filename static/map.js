"use strict";
/* The map of hosts: a glance at a cell under the pointer or the focus, and arrows that walk. */
(() => {
  const main = document.getElementById("main");
  const make = (tag, css, ...kids) => { const node = document.createElement(tag); if (css) node.className = css; node.append(...kids); return node; };
  const box = make("div", "peek");
  box.hidden = true;
  box.setAttribute("role", "tooltip");
  document.body.append(box);
  let shownFor = null;

  const shape = name => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS(svg.namespaceURI, "use");
    svg.setAttribute("class", "shape"); svg.setAttribute("viewBox", "0 0 16 16"); use.setAttribute("href", `#${name}`); svg.append(use);
    return svg;
  };
  function show(cell) {
    const label = cell.getAttribute("aria-label"), cut = label.lastIndexOf(": ");
    const css = [...cell.classList].find(name => name.startsWith("s-") && name !== "s-acked");
    const word = make("span", `st ${css}`, shape(css.slice(2)), label.slice(cut + 2));
    box.replaceChildren(make("div", "top", make("span", "cut", label.slice(0, cut)), word));
    if (cell.dataset.why) box.append(make("p", "", cell.dataset.why));
    const numbers = make("dl", "");
    for (const [name, value] of [["CPU", cell.dataset.cpu], ["Memory", cell.dataset.memory], [cell.dataset.mount || "Disk", cell.dataset.disk]]) {
      if (value && value !== "–") numbers.append(make("dt", "cut", name), make("dd", "old" in cell.dataset ? "stale" : "", value));
    }
    if (numbers.children.length) box.append(numbers);
    box.hidden = false;
    shownFor = cell;
    const c = cell.getBoundingClientRect(), b = box.getBoundingClientRect();
    box.style.left = `${Math.max(8, Math.min(c.left - 12, innerWidth - b.width - 8))}px`;
    box.style.top = `${c.bottom + b.height + 12 > innerHeight ? c.top - b.height - 7 : c.bottom + 7}px`;
  }
  const hide = () => { box.hidden = true; shownFor = null; };
  const cells = () => [...main.querySelectorAll(".map .c")];
  const one = () => { const all = cells(), current = all.find(cell => cell === document.activeElement) || all[0]; for (const cell of all) cell.tabIndex = cell === current ? 0 : -1; };

  for (const [on, off] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    main.addEventListener(on, event => { const cell = event.target.closest?.(".map .c"); if (cell) show(cell); });
    main.addEventListener(off, hide);
  }
  addEventListener("scroll", hide, { passive: true });
  main.addEventListener("keydown", event => {
    const all = cells(), place = all.indexOf(event.target);
    if (place < 0) return;
    const here = event.target.getBoundingClientRect();
    const column = list => list.find(cell => { const r = cell.getBoundingClientRect(); return Math.abs(r.left - here.left) < 12 && r.top !== here.top; });
    const next = { ArrowRight: () => all[place + 1], ArrowLeft: () => all[place - 1], ArrowDown: () => column(all.slice(place + 1)), ArrowUp: () => column(all.slice(0, place).reverse()) }[event.key]?.();
    if (next) { event.preventDefault(); event.target.tabIndex = -1; next.tabIndex = 0; next.focus(); }
  });
  document.addEventListener("refreshed", () => { one(); if (shownFor?.isConnected) show(shownFor); else hide(); });
  one();
})();
