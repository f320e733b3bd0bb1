"use strict";
/* The charts of a host: one request draws all, one cursor runs through all, a drag zooms all, a double click goes back.
   Colours come from the stylesheet. A gap is drawn as a gap. */
(() => {
  const root = document.getElementById("charts");
  if (!root || !window.uPlot) return;
  const GAP = "\u00a0", SVG_FONT = "11px system-ui, sans-serif";
  const make = (tag, css, ...kids) => { const node = document.createElement(tag); if (css) node.className = css; node.append(...kids); return node; };
  const probe = make("i", "sr");
  document.body.append(probe);
  const colour = name => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const fade = (c, a) => c.replace(/^rgb\(([^)]+)\)$/, `rgba($1, ${a})`);

  /* units */
  const bytes = (v, per = "") => { const units = ["B", "kB", "MB", "GB", "TB"]; let i = 0; v = Math.abs(v); while (v >= 999.5 && i < 4) { v /= 1000; i += 1; } return `${v >= 99.95 || i === 0 ? Math.round(v) : v.toFixed(1)}${GAP}${units[i]}${per}`; };
  const plain = v => Math.abs(v) >= 10 || Number.isInteger(v) ? String(Math.round(v)) : v.toFixed(Math.abs(v) >= 1 ? 1 : 2);
  const say = { percent: v => `${v >= 10 || v === 0 ? Math.round(v) : v.toFixed(1)}${GAP}%`, "bytes/s": v => bytes(v, "/s"), "": plain };
  const split = text => { const cut = text.indexOf(GAP); return cut < 0 ? [text, ""] : [text.slice(0, cut), text.slice(cut)]; };
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const label = t => (data.to - data.from > 172800 ? day : clock).format(new Date(t * 1000));
  const exact = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

  const charts = new Map();
  let data = null, zoom = null, cursor = null, tag = null, busy = false;
  const range = () => root.dataset.range;
  const sync = uPlot.sync("host");

  /* one chart's columns: stacked ones are summed, mirrored ones turned below zero */
  function columns(chart) {
    const raw = chart.series.map(s => s.values);
    if (chart.kind === "mirror") return chart.series.map((s, i) => s.below ? raw[i].map(v => v === null ? null : -v) : raw[i]);
    if (chart.kind !== "stack") return raw;
    const sum = new Array(data.times.length).fill(0);
    return raw.map(list => list.map((v, i) => { if (v === null) return null; sum[i] += v; return sum[i]; }));
  }
  function limits(chart) {
    if (chart.top) return [0, chart.top];
    let low = 0, high = 0;
    for (const list of columns(chart)) for (const v of list) if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); }
    const pad = (high - low) * .08 || 1;
    return [low < 0 ? low - pad : 0, high + pad];
  }
  const shade = { stack: .55, mirror: .2, lines: .14, instances: 0 };

  function overlay(u) {
    const { ctx, bbox: b } = u, px = devicePixelRatio, x = v => u.valToPos(v, "x", true), foot = b.top + b.height;
    ctx.save();
    ctx.beginPath(); ctx.rect(b.left, b.top - 6 * px, b.width, b.height + 12 * px); ctx.clip();
    for (const [from, to, state] of data.spans) {
      const c = colour(`${state}-fill`), left = x(from), width = Math.max(x(to) - left, px);
      ctx.fillStyle = fade(c, .06); ctx.fillRect(left, b.top, width, b.height);
      ctx.fillStyle = c; ctx.fillRect(left, foot - px, width, 3 * px); ctx.fillRect(left, b.top, px, b.height);
    }
    ctx.strokeStyle = ctx.fillStyle = colour("edge"); ctx.lineWidth = px;
    for (const [at] of data.marks) {
      const p = Math.round(x(at)) + .5;
      ctx.setLineDash([2 * px, 3 * px]); ctx.beginPath(); ctx.moveTo(p, b.top); ctx.lineTo(p, foot); ctx.stroke(); ctx.setLineDash([]);
      ctx.beginPath(); ctx.moveTo(p - 3.5 * px, b.top - 5 * px); ctx.lineTo(p + 3.5 * px, b.top - 5 * px); ctx.lineTo(p, b.top + px); ctx.fill();
    }
    for (const [from, to] of data.gaps) {
      const left = x(from), right = x(to);
      ctx.save(); ctx.beginPath(); ctx.rect(left, foot - 7 * px, right - left, 7 * px); ctx.clip();
      for (let k = left - 10 * px; k < right + 10 * px; k += 4 * px) { ctx.beginPath(); ctx.moveTo(k, foot); ctx.lineTo(k + 8 * px, foot - 8 * px); ctx.stroke(); }
      ctx.restore();
    }
    ctx.restore();
  }

  function legend(box, chart, index) {
    const fmt = say[chart.unit] || plain;
    let oldest = data.to;   // without a cursor the newest values are shown; old ones in the dress of old ones
    const last = list => { for (let i = list.length - 1; i >= 0; i -= 1) if (list[i] !== null) { oldest = Math.min(oldest, data.times[i]); return list[i]; } return null; };
    const value = list => index === null ? last(list) : list[index] ?? null;
    const head = chart.headline ? value(chart.headline) : chart.kind === "mirror" ? chart.series.reduce((sum, s) => { const v = value(s.values); return v === null ? sum : (sum ?? 0) + v; }, null) : value(chart.series[0].values);
    const [number, unit] = head === null || head === undefined ? ["–", ""] : split(fmt(head));
    box.querySelector("h3").textContent = chart.title;
    box.querySelector(".now").replaceChildren(number, make("small", "", unit));
    box.querySelector(".keysrow").replaceChildren(...chart.series.map(s => { const v = value(s.values); return make("span", "", make("i", `key ${s.key}`), make("span", "cut", s.word), make("b", "", v === null ? "–" : fmt(v))); }));
    const stale = index === null && data.to - oldest > Math.max(3 * data.step, 60);
    for (const node of box.querySelectorAll(".now, .keysrow b")) node.classList.toggle("stale", stale);
  }
  function tell(index) {
    cursor = index;
    for (const { box, chart } of charts.values()) legend(box, chart, index);
    const at = document.getElementById("attime");
    if (at) at.textContent = index === null || !data.times[index] ? "" : `${exact.format(new Date(data.times[index] * 1000))} · ${window.Rollcall.age(data.to - data.times[index])} ago`;
  }

  function build(entry) {
    const { box, chart } = entry, host = box.querySelector(".plot"), ink = colour("ink-3"), fmt = say[chart.unit] || plain, mirror = chart.kind === "mirror", stack = chart.kind === "stack";
    const moved = cols => chart.series.map((s, i) => ({
      stroke: stack ? "transparent" : colour(s.key), width: stack ? 0 : 1.25, points: { show: false }, spanGaps: false,
      fill: stack && i ? undefined : shade[chart.kind] && (mirror || stack || i === 0) ? fade(colour(s.key), shade[chart.kind]) : undefined,
    }));
    entry.plot?.destroy();
    entry.plot = new uPlot({
      width: host.clientWidth, height: host.clientHeight, padding: [8, 16, 0, 0], legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, setScale: false }, focus: { prox: -1 }, points: { size: 5, width: 0, fill: (_, i) => colour(chart.series[i - 1].key) }, sync: { key: sync.key, setSeries: false } },
      scales: { x: { time: true, range: () => zoom || [data.from, data.to] }, y: { range: () => limits(entry.chart) } },
      axes: [
        { stroke: ink, grid: { show: false }, ticks: { show: false }, size: 20, gap: 4, font: SVG_FONT, space: 64, values: (_, list) => list.map(label) },
        { stroke: ink, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, size: 54, gap: 6, font: SVG_FONT, space: 40, splits: chart.top === 100 ? () => [0, 50, 100] : undefined, values: (_, list) => list.map(v => v === 0 || (chart.unit === "percent" && v !== 100) ? v : chart.unit === "bytes/s" ? bytes(v) : fmt(v)) },
      ],
      series: [{}, ...moved()],
      bands: stack ? chart.series.slice(1).map((s, i) => ({ series: [i + 2, i + 1], fill: fade(colour(s.key), .55) })) : [],
      hooks: {
        draw: [overlay],
        setCursor: [u => { const left = u.cursor.left; const index = left === undefined || left < 0 ? null : u.cursor.idx; if (index !== cursor) tell(index ?? null); }],
        setSelect: [u => { if (u.select.width > 4) { zoom = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")]; u.setSelect({ left: 0, width: 0 }, false); rescale(); } }],
        ready: [u => u.root.querySelector(".u-over").addEventListener("dblclick", () => { zoom = null; rescale(); })],
      },
    }, [data.times, ...columns(chart)], host);
    entry.shape = shapeOf(chart);
  }
  const shapeOf = chart => JSON.stringify([chart.kind, chart.unit, chart.series.map(s => [s.word, s.key])]);
  function rescale() { for (const { plot } of charts.values()) plot.setScale("x", zoom ? { min: zoom[0], max: zoom[1] } : { min: data.from, max: data.to }); root.classList.toggle("zoomed", Boolean(zoom)); }

  function draw() {
    const wanted = new Set(data.charts.map(chart => chart.id));
    for (const [id, { box, plot }] of charts) if (!wanted.has(id)) { plot.destroy(); box.remove(); charts.delete(id); }
    root.querySelector(".nochart")?.remove();
    if (!data.charts.length) root.append(make("p", "nochart", make("span", "", "Nothing was measured in this range.")));
    for (const chart of data.charts) {
      let entry = charts.get(chart.id);
      if (!entry) {
        const box = make("figure", "chart", make("header", "", make("h3"), make("span", "now")), make("div", "keysrow"), make("div", "plot"));
        root.append(box);
        charts.set(chart.id, entry = { box, chart });
        new ResizeObserver(() => { const host = box.querySelector(".plot"), u = entry.plot; if (u && host.clientWidth && (host.clientWidth !== u.width || host.clientHeight !== u.height)) u.setSize({ width: host.clientWidth, height: host.clientHeight }); }).observe(box);
      }
      entry.chart = chart;
      if (!entry.plot || entry.shape !== shapeOf(chart)) build(entry);
      else entry.plot.setData([data.times, ...columns(chart)]);
    }
    tell(cursor !== null && cursor < data.times.length ? cursor : null);
  }
  async function load() {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const asked = range();
      const answer = await fetch(`${root.dataset.url}?range=${encodeURIComponent(asked)}`, { headers: tag ? { "If-None-Match": tag } : {}, credentials: "same-origin", cache: "no-store" });
      if (answer.status === 200 && asked === range()) { tag = answer.headers.get("ETag"); data = await answer.json(); draw(); }
    } catch { /* the page itself says that it is cut off */ }
    finally { busy = false; }
  }
  document.addEventListener("themechange", () => { if (data) for (const entry of charts.values()) build(entry); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
  document.addEventListener("refreshed", () => { if (!data || Date.now() / 1000 - data.to > Math.min(60, data.step) - 2 || !data.charts.length) load(); });
  load();
})();
