"use strict";
/* Ages stay true, and times of day are shown in the reader's own zone. Ages follow the server's clock. */
(() => {
  const GAP = "\u00a0";
  let ahead = 0;   // seconds by which the server's clock is ahead of this one
  const learn = node => { const now = Number(node?.dataset.now); if (now) ahead = now - Date.now() / 1000; };
  const age = seconds => {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 120) return `${s}${GAP}s`;
    if (s < 7200) return `${Math.floor(s / 60)}${GAP}min`;
    if (s < 172800) return `${Math.floor(s / 3600)}${GAP}h`;
    return `${Math.floor(s / 86400)}${GAP}d`;
  };
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const show = () => {
    const now = Date.now() / 1000 + ahead;
    for (const node of document.querySelectorAll("time[data-age]")) {
      set(node, age(now - Date.parse(node.dateTime) / 1000));
      if (!node.title) node.title = full.format(new Date(node.dateTime));
    }
    const today = new Date().toDateString();
    for (const node of document.querySelectorAll("time[data-clock]")) {
      const when = new Date(node.dateTime);
      const short = when.toDateString() === today && node.dataset.clock === "time";
      set(node, short ? hour.format(when) : `${day.format(when)} ${hour.format(when)}`);
      if (!node.title) node.title = full.format(when);
    }
  };
  learn(document.body);
  document.addEventListener("refreshed", event => { learn(event.detail); show(); });
  setInterval(() => { if (!document.hidden) show(); }, 1000);
  show();
  window.Rollcall = { ...window.Rollcall, age };
})();
