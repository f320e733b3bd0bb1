"use strict";
/* Keeps a page true while somebody looks: asks for the same address again, gets what moves (or a 304), and changes
   only what differs, so that scroll, focus, selection and an open menu stay where they are. */
(() => {
  const main = document.getElementById("main");
  const every = Number(main?.dataset.live) * 1000;
  if (!every) return;
  let tag = null, busy = false, failed = 0, timer = 0;

  const key = node => node.nodeType === 1 ? node.id || null : null;
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
  const kept = node => node.nodeType === 1 && (node.dataset?.keep === "always" || (node.dataset?.keep === "busy" && node.contains(document.activeElement)));

  function attributes(old, fresh) {
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  function morph(old, fresh) {
    if (kept(old)) return;
    if (old.nodeType !== 1) { if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue; return; }
    if (old.isEqualNode(fresh)) return;
    const focus = old.contains(document.activeElement), marked = old.classList.contains("at");
    attributes(old, fresh);
    if (marked) old.classList.add("at");
    children(old, fresh, focus);
  }
  function children(old, fresh) {
    const named = new Map([...old.children].filter(key).map(node => [key(node), node]));
    let place = old.firstChild;
    for (const want of [...fresh.childNodes]) {
      const same = key(want) && named.get(key(want));
      if (same && same !== place) old.insertBefore(same, place);
      const have = same || place;
      if (have && alike(have, want)) { morph(have, want); place = have.nextSibling; }
      else old.insertBefore(want, place);
    }
    while (place) { const next = place.nextSibling; if (!kept(place)) place.remove(); place = next; }
  }
  async function refresh() {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const headers = { "X-Live": "1", ...(tag && { "If-None-Match": tag }) };
      const answer = await fetch(location.href, { headers, credentials: "same-origin", redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect" || answer.status === 403) { location.reload(); return; }   // signed out meanwhile
      if (answer.status === 404) { location.href = "/"; return; }
      if (answer.status === 304) { failed = 0; document.dispatchEvent(new CustomEvent("looked")); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      tag = answer.headers.get("ETag");
      put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      failed = 0;
    } catch { failed += 1; }
    finally { busy = false; say(); }
  }
  function put(page) {
    const box = page.querySelector("[data-now]");
    if (!box) return;
    const title = box.querySelector("title") || page.querySelector("title");
    if (title && document.title !== title.textContent) document.title = title.textContent;
    for (const part of box.querySelectorAll(":scope > [id]")) {
      const old = document.getElementById(part.id);
      if (old) children(old, document.importNode(part, true));
    }
    document.dispatchEvent(new CustomEvent("refreshed", { detail: box }));
  }
  function say() {   // a page that cannot reach its server says so, instead of showing old numbers as new ones
    const pulse = document.getElementById("pulse");
    document.body.classList.toggle("cut-off", failed > 1);
    if (failed > 1 && pulse) pulse.textContent = "This page cannot reach Rollcall; its numbers are old.";
  }
  const next = () => { clearTimeout(timer); timer = setTimeout(async () => { await refresh(); next(); }, every * Math.min(8, failed + 1)); };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh().then(next); });
  document.addEventListener("refresh", () => refresh());
  next();
})();
