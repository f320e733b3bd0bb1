"use strict";
/* The test of a connection on the form that adds a host: sends what is typed, shows stage by stage what a worker finds. */
document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("test");
  const form = box?.closest("form");
  if (!form) return;
  box.hidden = false;
  const one = query => box.querySelector(query);
  const [test, accept, list, key, verdict] = ["[data-do=test]", "[data-do=accept]", ".rc-stages", ".rc-key", ".rc-verdict"].map(one);
  const token = () => form.querySelector("[name=csrfmiddlewaretoken]").value;
  const draft = form.querySelector("[name=draft]");
  const WORDS = { way: "Jump host", resolve: "Name resolved", tcp: "Port answers", version: "SSH server", host_key: "Host key", login: "Login", shell: "Shell", probe: "Python, psutil", sample: "First sample" };
  const SIGNS = { ok: "up", failed: "blocked", ask: "unknown" };
  const SVG = "http://www.w3.org/2000/svg";
  let url = null, run = 0;

  const make = (tag, css, text = "") => { const node = document.createElement(tag); node.className = css; node.textContent = text; return node; };
  function sign(state) {
    if (!SIGNS[state]) return make("span", state === "running" ? "rc-running" : "");
    const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use"), cell = make("span", `s-${SIGNS[state]}`);
    svg.setAttribute("class", "shape"); svg.setAttribute("viewBox", "0 0 16 16"); use.setAttribute("href", `#${SIGNS[state]}`);
    svg.append(use); cell.append(svg);
    return cell;
  }
  const spent = seconds => typeof seconds !== "number" ? "" : seconds < 1 ? `${Math.round(seconds * 1000)}\u00a0ms` : `${seconds.toFixed(1)}\u00a0s`;
  function show(found) {
    const done = new Set(found.stages.map(stage => stage.name));
    const next = found.finished ? [] : Object.keys(WORDS).filter(name => !done.has(name)).slice(0, 1).map(name => ({ name, state: "running" }));
    list.replaceChildren(...[...found.stages, ...next].map(stage => {
      const row = document.createElement("li");
      const said = make("span", "rc-text", stage.text || "");
      if (stage.next_step) said.append(make("span", "rc-step", stage.next_step));
      row.append(sign(stage.state), make("span", "rc-name", WORDS[stage.name] || stage.name), make("span", "rc-time", spent(stage.seconds)), said);
      return row;
    }));
    key.hidden = !found.can_accept;
    if (found.can_accept) { one(".rc-fingerprint").textContent = found.fingerprint; one(".rc-algorithm").textContent = found.algorithm; }
    const failed = found.stages.some(stage => stage.state === "failed");
    say(!found.finished ? "" : found.can_accept ? "" : failed ? "Not yet. You can save the host all the same; it is tried again." : "It works. Save the host now.", failed ? "s-blocked" : "s-up");
  }
  function say(text, css = "s-down") { verdict.textContent = text; verdict.className = `rc-verdict ${css}`; }
  function complain(answer) {
    const problems = Object.entries(answer.problems || {});
    for (const [name, texts] of problems) if (name !== "__all__") texts.forEach((text, place) => { texts[place] = `${name.replaceAll("_", " ")}: ${text}`; });
    say(problems.flatMap(([, texts]) => texts).join(" ") || "The test could not be started.");
    form.querySelector(`[name=${problems.find(([name]) => name !== "__all__")?.[0] || "address"}]`)?.focus();
  }
  async function send(where, data) {
    const answer = await fetch(where, { method: "POST", body: data, headers: { "X-CSRFToken": token() }, credentials: "same-origin" });
    const found = (answer.headers.get("Content-Type") || "").includes("json") ? await answer.json() : {};
    if (!answer.ok) { complain(found); return null; }
    return found;
  }
  async function watch() {
    const mine = run += 1, until = Date.now() + 120000;
    test.disabled = accept.disabled = true;
    try {
      while (mine === run && Date.now() < until) {
        const answer = await fetch(url, { credentials: "same-origin", cache: "no-store" });
        if (!answer.ok) throw new Error(String(answer.status));
        const found = await answer.json();
        show(found);
        if (found.finished) return;
        await new Promise(done => { setTimeout(done, 350); });
      }
      say("No answer from a worker. Is one running?");
    } catch { say("The test was interrupted. Try again."); }
    finally { if (mine === run) test.disabled = accept.disabled = false; }
  }
  test.addEventListener("click", async () => {
    list.replaceChildren(); key.hidden = true; draft.value = ""; say("");
    test.disabled = true;
    try {
      const found = await send(box.dataset.url, new FormData(form));
      if (!found) return;
      draft.value = found.id;
      url = found.url;
      await watch();
    } catch { say("Rollcall does not answer. Try again."); }
    finally { test.disabled = false; }
  });
  accept.addEventListener("click", async () => {
    const data = new FormData();
    data.append("fingerprint", one(".rc-fingerprint").textContent);
    accept.disabled = true;
    try { if (await send(`${url}accept/`, data)) { key.hidden = true; await watch(); } }
    catch { say("Rollcall does not answer. Try again."); }
    finally { accept.disabled = false; }
  });
});
