// unpack reads what is in the file as deflated JSON.
async function unpack(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

const marks = { passed: "✓", failed: "✗", error: "!", skipped: "–" };

class App {
  constructor({ run, rows }) {
    Object.assign(this, { run, rows, verdicts: new Set(), at: -1, sequence: null, drawing: 0 });
    rows.forEach(r => r.key = `${r.id} ${r.title || ""} ${r.why || ""}`.toLowerCase());
    this.search = el("input", { type: "search", placeholder: "Filter: words, all of which must be there  ( / )", "aria-label": "filter", oninput: () => this.filter() });
    this.chips = el("div", { class: "chips" });
    for (const v of Object.keys(marks)) {
      const n = rows.filter(r => r.v === v).length;
      if (n) this.chips.append(el("button", { "aria-pressed": "false", "data-verdict": v, onclick: e => this.toggle(v, e.currentTarget) }, el("span", { class: v }, marks[v]), ` ${n} ${v}`));
    }
    this.count = el("div", { class: "dim" });
    this.list = el("div", { class: "list", role: "listbox", "aria-label": "cases", tabindex: 0, onscroll: () => this.drawList() });
    this.space = el("div", {});
    this.list.append(this.space);
    this.main = el("main", { tabindex: -1 });
    document.getElementById("app").append(this.header(), el("nav", {}, el("div", { class: "tools" }, this.search, this.chips, this.count), this.list), this.main);
    addEventListener("keydown", e => this.key(e));
    addEventListener("hashchange", () => this.openHash());
    addEventListener("resize", () => { this.drawList(); if (this.at >= 0) this.open(this.at); });
    addEventListener("beforeprint", () => this.sequence?.draw(true));
    this.filter();
    if (!this.openHash()) this.open(Math.max(0, rows.findIndex(r => r.v === "failed" || r.v === "error")));
  }

  header() {
    const r = this.run, out = el("header", {}, el("h1", {}, "mptcp-lab"),
      el("b", { id: "totals" }, r.text), el("span", { class: "dim" }, `in ${(r.ms / 1000).toFixed(3)} s`),
      el("span", { class: "dim" }, `backend ${r.backend}: ${r.machine}, ${r.jobs} jobs, seed ${r.seed}`));
    if (r.interrupted) out.append(el("b", { class: "warn" }, "interrupted"));
    if (r.not_run) out.append(el("span", { class: "warn" }, `${r.not_run} not run`));
    for (const a of r.audit || []) out.append(el("div", { class: "warn" }, "audit: " + a));
    for (const a of (r.measured || []).concat(r.notes || [])) out.append(el("div", { class: "dim" }, a));
    out.append(el("span", { class: "dim" }, el("kbd", {}, "j"), " ", el("kbd", {}, "k"), " cases, ", el("kbd", {}, "/"), " filter"));
    return out;
  }

  toggle(v, button) {
    this.verdicts.has(v) ? this.verdicts.delete(v) : this.verdicts.add(v);
    button.setAttribute("aria-pressed", this.verdicts.has(v));
    this.filter();
  }

  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.shown = [];
    this.rows.forEach((r, i) => { if ((!this.verdicts.size || this.verdicts.has(r.v)) && words.every(w => r.key.includes(w))) this.shown.push(i); });
    this.count.textContent = this.shown.length === this.rows.length ? `${this.rows.length} cases` : `${this.shown.length} of ${this.rows.length} cases`;
    this.space.style.height = this.shown.length * 44 + "px";
    this.drawList();
  }

  drawList() {
    const a = Math.max(0, Math.floor(this.list.scrollTop / 44) - 5), b = Math.min(this.shown.length, a + Math.ceil((this.list.clientHeight || 600) / 44) + 10);
    this.space.replaceChildren(...this.shown.slice(a, b).map((i, n) => {
      const r = this.rows[i], cutAt = r.id.indexOf("::");
      return el("div", { class: "row", role: "option", "data-case": i, "aria-selected": i === this.at, title: r.why || r.title || "", style: `top:${(a + n) * 44}px`, onclick: () => this.open(i) },
        el("div", {}, el("span", { class: "mark " + r.v }, marks[r.v]), cutAt < 0 ? r.id : r.id.slice(cutAt + 2)),
        el("div", { class: "script" }, cutAt < 0 ? "" : r.id.slice(0, cutAt), r.title ? " — " + r.title : ""));
    }));
  }

  openHash() {
    const id = decodeURIComponent(location.hash.slice(1)), i = id ? this.rows.findIndex(r => r.id === id) : -1;
    if (i >= 0 && i !== this.at) this.open(i);
    return i >= 0;
  }

  async open(i) {
    if (!this.rows[i]) return;
    this.at = i;
    this.drawList();
    const drawing = ++this.drawing, row = this.rows[i], c = await unpack("c" + i);
    if (drawing !== this.drawing) return; // another was opened meanwhile
    history.replaceState(null, "", "#" + encodeURIComponent(row.id));
    const width = Math.max(560, this.main.clientWidth - 44), out = [];
    out.push(el("h2", {}, el("span", { class: "mark " + row.v }, marks[row.v]), el("span", {}, row.id)));
    if (row.title) out.push(el("div", {}, row.title));
    out.push(el("div", { class: "dim" }, `${row.v} in ${(row.ms / 1000).toFixed(3)} s, ${c.checks} checks, ${c.file}:${c.line}`));
    if (c.msg) out.push(el("pre", { class: row.v === "skipped" ? "" : "bad" }, c.msg));
    for (const m of c.missing || []) out.push(el("div", { class: "warn" }, "Not all could be read: " + m));
    const drawn = topology(c, width);
    if (drawn) out.push(el("h3", {}, "Topology"), drawn);
    this.sequence = (c.items || []).length ? new Sequence(c, width) : null;
    if (this.sequence) out.push(el("h3", {}, "What happened"), this.sequence.root);
    out.push(...this.sections(c));
    this.main.replaceChildren(...out);
    this.main.scrollTop = 0;
    this.main.dataset.case = row.id;
    this.sequence?.filter();
    this.sequence?.choose(-1);
  }

  sections(c) {
    const out = [], hosts = (c.nodes || []).filter(n => n.kind !== "switch");
    if (hosts.length) out.push(el("h3", {}, "Hosts at the end"), el("div", { class: "cards" }, ...hosts.map(n => this.host(n))));
    const checks = (c.items || []).filter(i => i.k === "check");
    if (checks.length) out.push(el("h3", {}, "Checks"), el("ul", { class: "checks" }, ...checks.map(i => {
      const bad = i.x.startsWith("fails");
      return el("li", { class: bad ? "failed" : "" }, el("span", { class: "mark " + (bad ? "failed" : "passed") }, bad ? "✗" : "✓"), el("code", {}, i.x.replace(/^(holds|fails): /, "")));
    })));
    if (c.out) out.push(el("h3", {}, "Output"), el("pre", {}, c.out.join("\n")));
    if (c.kernel) out.push(el("h3", {}, "Kernel log"), el("pre", { class: "bad" }, c.kernel.join("\n")));
    out.push(el("h3", {}, "Again"), el("pre", {}, c.again));
    return out;
  }

  host(n) {
    const pairs = [["addresses", n.addr], ["limits", n.limits && [n.limits]], ["endpoints", n.endp || ["none"]], ["connections", n.conns],
      ["counters", (n.ctr || []).map(x => `${x.n} ${x.by > 0 ? "+" : ""}${x.by}`)]];
    return el("div", { class: "card" }, el("h4", {}, n.name, n.kind === "host" ? "" : el("span", { class: "dim" }, " " + n.kind)),
      el("dl", {}, ...pairs.filter(([, v]) => v && v.length).flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, ...v.map(x => el("div", { class: "mono" }, x)))])));
  }

  move(by) {
    const now = this.shown.indexOf(this.at), next = now < 0 ? 0 : Math.min(this.shown.length - 1, Math.max(0, now + by));
    if (this.shown[next] === undefined) return;
    const y = next * 44;
    if (y < this.list.scrollTop || y > this.list.scrollTop + this.list.clientHeight - 44) this.list.scrollTop = y - this.list.clientHeight / 2;
    this.open(this.shown[next]);
  }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.target === this.search) { if (e.key === "Escape" || e.key === "Enter") this.search.blur(); return; }
    const does = { j: () => this.move(1), k: () => this.move(-1), "/": () => this.search.focus(), n: () => this.sequence?.step(1), p: () => this.sequence?.step(-1) }[e.key];
    if (does) { e.preventDefault(); does(); }
  }
}

unpack("run").then(data => { window.app = new App(data); });
