"use strict";

// Elements are made with their text as text: nothing of a script's can become markup.
function el(name, props, ...children) {
  const e = document.createElement(name);
  return fill(e, props, children);
}

function svg(name, props, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), props, children);
}

function fill(e, props, children) {
  for (const [k, v] of Object.entries(props || {})) {
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k.startsWith("aria-")) e.setAttribute(k, String(v));
    else if (v !== undefined && v !== null && v !== false) e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...children.filter(c => c !== undefined && c !== null && c !== false));
  return e;
}

const letter = 6.6; // the width of one, in pixels, about

function cut(text, width) {
  const n = Math.max(4, Math.floor(width / letter));
  text = text.replace(/\s+/g, " ");
  return text.length > n ? text.slice(0, n - 1) + "…" : text;
}

const time = ms => ms.toFixed(3);
const colour = c => `var(--${c || "data"})`;

// topology draws every link between its nodes: a few in a row, in the order of the lanes; more in columns by their distance
// from the first.
function topology(c, width) {
  const nodes = c.nodes || [], links = c.links || [];
  if (!nodes.length) return null;
  const depth = new Map(), at = new Map();
  const order = [...(c.lanes || [])].concat(nodes.map(n => n.name));
  const few = nodes.length <= 5, names = order.filter((n, i) => order.indexOf(n) === i);
  if (few) names.forEach((n, i) => depth.set(n, i));
  const span = l => few ? Math.abs(depth.get(l.ends[0]) - depth.get(l.ends[1])) : 1;
  for (const start of order) {
    if (depth.has(start)) continue;
    depth.set(start, 0);
    for (let queue = [start]; queue.length;) {
      const n = queue.shift();
      for (const l of links) for (const [a, b] of [l.ends, [...l.ends].reverse()]) {
        if (a === n && !depth.has(b)) { depth.set(b, depth.get(n) + 1); queue.push(b); }
      }
    }
  }
  const columns = [];
  for (const n of nodes) (columns[depth.get(n.name)] ||= []).push(n);
  const tall = Math.max(...columns.map(x => x ? x.length : 0));
  const pairs = new Map();
  for (const l of links) { const k = [...l.ends].sort().join("\0"); pairs.set(k, (pairs.get(k) || []).concat(l)); }
  const most = Math.max(1, ...[...pairs.values()].map(x => x.length));
  const crowded = nodes.length > 24;
  const rowHeight = crowded ? 30 : Math.max(74, most * 46 + 24), arch = 62 * (Math.max(1, ...links.map(span)) - 1);
  const height = Math.max(90, tall * rowHeight) + arch;
  const boxes = crowded ? 14 : 92, gap = columns.length > 1 ? (width - boxes - 40) / (columns.length - 1) : 0;
  columns.forEach((column, x) => column.forEach((n, y) => at.set(n.name, {
    x: columns.length > 1 ? 20 + boxes / 2 + x * gap : width / 2, y: (height + arch) / 2 + (y - (column.length - 1) / 2) * rowHeight,
  })));
  const out = svg("svg", { class: "topology", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "topology" });
  for (const group of pairs.values()) group.forEach((l, i) => {
    const a = at.get(l.ends[0]), b = at.get(l.ends[1]);
    if (!a || !b) return;
    const over = (span(l) - 1) * 70; // it passes above the nodes between its ends
    const bend = (i - (group.length - 1) / 2) * 46 - over, same = Math.abs(a.x - b.x) < 1;
    const side = a.x > width / 2 ? -1 : 1; // where a link within a column bows to
    const mx = (a.x + b.x) / 2 + (same ? side * (boxes + 40 + bend) : 0), my = (a.y + b.y) / 2 + (same ? 0 : bend * 1.6);
    out.append(svg("path", { class: "wire", d: `M${a.x} ${a.y} Q${mx} ${my} ${b.x} ${b.y}` }, svg("title", {}, `${l.name}: ${l.n} packets kept`)));
    if (crowded) return;
    [[a, b, l.labels[0]], [b, a, l.labels[1]]].forEach(([from, to, text]) => {
      const right = same ? side > 0 : to.x >= from.x, t = same ? .28 : Math.min(0.42, (boxes / 2 + 8) / Math.max(60, Math.abs(to.x - from.x)));
      const q = u => [(1 - u) * (1 - u) * from.x + 2 * u * (1 - u) * mx + u * u * to.x, (1 - u) * (1 - u) * from.y + 2 * u * (1 - u) * my + u * u * to.y];
      const [x, y] = q(t);
      const room = same ? 260 : Math.abs(to.x - from.x) / 2 - boxes / 2 - 12;
      out.append(svg("text", { class: "small halo", x: x + (same ? side * 6 : 0), y: y + (same ? 4 : bend < 0 || !bend && to.y < from.y ? -7 : 15), "text-anchor": right ? "start" : "end" }, cut(text, room)));
    });
  });
  for (const n of nodes) {
    const p = at.get(n.name);
    const shape = crowded ? svg("circle", { class: "node", cx: p.x, cy: p.y, r: 6 })
      : svg("rect", { class: "node", x: p.x - boxes / 2, y: p.y - 17, width: boxes, height: 34, rx: n.kind === "host" ? 8 : n.kind === "router" ? 17 : 0 });
    shape.append(svg("title", {}, `${n.kind} ${n.name}\n${(n.addr || []).join("\n")}`));
    out.append(shape);
    if (!crowded) out.append(svg("text", { class: "bold", x: p.x, y: p.y + 4, "text-anchor": "middle" }, cut(n.name, boxes - 8)));
  }
  return out;
}

// Sequence draws what happened, a row each, with a lifeline for each subflow of a node. Only the rows in sight are drawn.
class Sequence {
  static height = 30;
  static kinds = [["packet", "messages"], ["event", "events"], ["counter", "counters"], ["action", "actions"], ["check", "checks"], ["link", "links"], ["why", "reasons"]];

  constructor(c, width) {
    Object.assign(this, { c, width: Math.max(560, width), hidden: new Set(), chosen: -1, pinned: false });
    const items = c.items || [], used = new Set();
    for (const i of items) { if (i.m) used.add(i.m.f).add(i.m.t); else if (i.h) used.add(i.h); }
    this.lanes = (c.lanes || []).filter(l => used.has(l) || (c.lanes.length <= 4));
    this.flows = new Map(this.lanes.map(l => [l, new Set()]));
    for (const i of items) if (i.m) for (const n of [i.m.f, i.m.t]) this.flows.get(n)?.add(i.m.fl);
    const left = 112, right = 44, n = this.lanes.length;
    this.x = new Map(this.lanes.map((l, i) => [l, n > 1 ? left + i * (this.width - left - right - 12) / (n - 1) : left + (this.width - left) / 4]));
    this.body = el("div", { class: "body", tabindex: 0, "aria-label": "sequence of messages", onscroll: () => this.draw() });
    this.space = el("div", {});
    this.body.append(this.space);
    this.detail = el("div", { class: "detail", "aria-live": "polite" });
    this.root = el("div", {}, this.legend(), el("div", { class: "seq" }, this.head(), this.body, this.detail));
    this.body.addEventListener("mouseleave", () => { if (!this.pinned) this.choose(-1); });
    this.filter();
  }

  legend() {
    const present = new Set((this.c.items || []).map(i => i.k)), classes = new Set((this.c.items || []).filter(i => i.m).map(i => i.m.c));
    const out = el("div", { class: "legend" });
    for (const [k, name] of Sequence.kinds) if (present.has(k)) {
      out.append(el("label", {}, el("input", { type: "checkbox", checked: true, "data-kind": k, onchange: e => {
        e.target.checked ? this.hidden.delete(k) : this.hidden.add(k);
        this.filter();
      } }), " " + name));
    }
    for (const c of classes) out.append(el("span", {}, el("i", { style: `background:${colour(c)}` }), c));
    return out;
  }

  head() {
    const flows = this.c.flows || [], height = 44;
    const out = svg("svg", { class: "head", width: this.width, height });
    const room = this.lanes.length > 1 ? (this.width - 160) / (this.lanes.length - 1) : this.width;
    this.lanes.forEach((l, i) => {
      const anchor = i === 0 ? "start" : i === this.lanes.length - 1 ? "end" : "middle", x = this.x.get(l) + (i === 0 ? -30 : anchor === "end" ? 30 : 0);
      out.append(svg("text", { class: "bold", x, y: 18, "text-anchor": anchor }, cut(l, room / 1.2)));
      const names = [...this.flows.get(l)].map(f => flows[f]?.name).filter((x, i, all) => x && all.indexOf(x) === i).join(" · ");
      out.append(svg("text", { class: "small", x, y: 35, "text-anchor": anchor }, cut(names, room / (anchor === "middle" ? 1.1 : 2))));
    });
    out.append(svg("text", { class: "time", x: 64, y: 18 }, "ms"));
    return out;
  }

  // at is where the lifeline of a flow stands on a lane.
  at(lane, flow) {
    const x = this.x.get(lane), flows = [...(this.flows.get(lane) || [])], n = Math.min(flows.length, 7), i = flows.indexOf(flow);
    return i < 0 || n < 2 ? x : x + (i % n - (n - 1) / 2) * 10;
  }

  filter() {
    this.rows = [];
    (this.c.items || []).forEach((item, i) => { if (!this.hidden.has(item.k)) this.rows.push(i); });
    this.space.style.height = this.rows.length * Sequence.height + "px";
    this.shown = null;
    this.draw();
  }

  draw(all) {
    const h = Sequence.height, top = this.body.scrollTop, seen = this.body.clientHeight || 600;
    let a = Math.max(0, Math.floor(top / h) - 30), b = Math.min(this.rows.length, Math.ceil((top + seen) / h) + 30);
    if (all) [a, b] = [0, Math.min(this.rows.length, 3000)];
    if (this.shown && !all && this.shown[0] <= Math.floor(top / h) && this.shown[1] >= Math.min(this.rows.length, Math.ceil((top + seen) / h)) && this.shown[2] === this.chosen) return;
    this.shown = [a, b, this.chosen];
    const out = svg("svg", { width: this.width, height: Math.max(1, (b - a) * h), style: `position:absolute;left:0;top:${a * h}px` });
    const lines = svg("g", {});
    for (const l of this.lanes) for (const f of this.flows.get(l).size ? this.flows.get(l) : [-1]) {
      const x = this.at(l, f);
      lines.append(svg("line", { class: "lane", x1: x, x2: x, y1: 0, y2: (b - a) * h }));
    }
    const marks = new Set(this.chosen >= 0 ? this.c.items[this.chosen].w || [] : []);
    const back = svg("g", {});
    out.append(back, lines);
    for (let r = a; r < b; r++) {
      const i = this.rows[r], item = this.c.items[i], y = (r - a) * h;
      if (item.k === "step" || item.k === "predict") back.append(svg("rect", { class: "step", x: 0, y, width: this.width, height: h }));
      if (i === this.chosen) back.append(svg("rect", { class: "on", x: 0, y, width: this.width, height: h }));
      else if (marks.has(i)) back.append(svg("rect", { class: "with", x: 0, y, width: this.width, height: h }));
      const before = r > 0 ? this.c.items[this.rows[r - 1]].t : item.t;
      if (item.t - before >= 20) back.append(svg("line", { x1: 6, x2: this.width, y1: y, y2: y, stroke: "var(--dim)", "stroke-dasharray": "2 6" }));
      out.append(this.row(item, y));
      out.append(svg("rect", { class: "hit", "data-item": i, x: 0, y, width: this.width, height: h,
        onmouseenter: () => { if (!this.pinned) this.choose(i); }, onclick: () => { this.pinned = !(this.pinned && this.chosen === i); this.choose(i); } }));
    }
    this.space.replaceChildren(out);
  }

  row(item, y) {
    const g = svg("g", { class: "item", "data-kind": item.k }, svg("text", { class: "time", x: 64, y: y + 20 }, time(item.t)));
    if (item.m && this.x.has(item.m.f) && this.x.has(item.m.t)) this.arrow(g, item.m, y + 23);
    else if (item.k === "step" || item.k === "predict") g.append(svg("text", { class: "bold over", x: 80, y: y + 20 }, cut(item.x, this.width - 100)));
    else if (item.k === "check") {
      const bad = item.x.startsWith("fails");
      g.append(svg("text", { class: "halo", x: 80, y: y + 20, style: `fill:var(--${bad ? "failed" : "passed"})` }, (bad ? "✗ " : "✓ ") + cut(item.x.replace(/^(holds|fails): /, ""), this.width - 120)));
    } else this.note(g, item, y);
    return g;
  }

  // arrow is a message; one that a rule dropped ends on its way.
  arrow(g, m, y) {
    const x1 = this.at(m.f, m.fl), end = this.at(m.t, m.fl), lost = m.fate && /drop/.test(m.fate);
    const x2 = lost ? x1 + (end - x1) * 0.62 : end, d = end > x1 ? 1 : -1, stroke = colour(m.c);
    g.append(svg("line", { x1, x2: x2 - d * (lost ? 0 : 6), y1: y, y2: y, stroke, "stroke-width": m.c === "data" ? 6 : 1.8, "stroke-opacity": m.c === "data" ? .35 : 1, "stroke-dasharray": m.fate && !lost ? "6 3" : null }));
    g.append(lost ? svg("path", { d: `M${x2 - 5} ${y - 5}l10 10m0-10l-10 10`, stroke: "var(--failed)", "stroke-width": 2 })
      : svg("path", { d: `M${x2} ${y}l${-d * 8} -4v8z`, fill: stroke }));
    let text = m.l;
    if (m.n) text = `${m.n} × data, ${m.b} bytes`;
    if (m.fate) text += ` — ${m.fate}`;
    g.append(svg("text", { class: "halo", x: (x1 + end) / 2, y: y - 7, "text-anchor": "middle" }, cut(text, Math.abs(end - x1) - 16)));
  }

  // note is what happened at one node, or at none.
  note(g, item, y) {
    let host = item.h, text = item.x;
    const band = item.k === "action" && /^transfer (\d+) bytes/.test(text) && (this.c.flows || []).find(f => f.from === host);
    if (band && this.x.has(host) && this.x.has(band.to)) {
      const [a, b] = [this.x.get(host), this.x.get(band.to)].sort((p, q) => p - q);
      g.append(svg("rect", { x: a, y: y + 3, width: b - a, height: Sequence.height - 6, rx: 4, fill: colour("data"), "fill-opacity": .3 }));
      g.append(svg("text", { x: (a + b) / 2, y: y + 20, "text-anchor": "middle" }, cut(text, b - a)));
      return;
    }
    if (item.k === "event") text = text.replace(/^\[ *(\w+)\]/, "$1");
    if (!this.x.has(host)) {
      g.append(svg("text", { class: "halo note", x: 80, y: y + 20 }, cut((host ? host + ": " : "") + text, this.width - 100)));
      return;
    }
    const x = this.x.get(host), index = this.lanes.indexOf(host), right = index < this.lanes.length - 1 || this.lanes.length === 1;
    const out = 9 + 5 * Math.min(6, this.flows.get(host).size), room = Math.min(this.width * .58, right ? this.width - x - out - 12 : x - out - 80);
    g.append(item.k === "action" ? svg("rect", { x: x - 5, y: y + 11, width: 10, height: 10, fill: "var(--accent)" })
      : svg("circle", { cx: x, cy: y + 16, r: item.k === "event" ? 5 : 3, fill: item.k === "event" ? "var(--accent)" : "var(--dim)" }));
    g.append(svg("text", { class: "halo" + (item.k === "action" || item.k === "event" ? "" : " note"), x: x + (right ? out : -out), y: y + 20, "text-anchor": right ? "start" : "end" }, cut(text, room)));
  }

  // choose shows all that is known of an item, and marks what came with it.
  choose(i) {
    if (i === this.chosen && this.detail.firstChild) return;
    this.chosen = i;
    this.draw();
    const item = this.c.items?.[i];
    if (!item) return this.detail.replaceChildren(el("span", { class: "dim" }, "Point at a line to see all of it; click to keep it. "), el("kbd", {}, "n"), " ", el("kbd", {}, "p"), " next and previous message");
    const out = [el("div", { class: "mono" }, `${time(item.t)} ms  ${item.m ? item.m.f + " → " + item.m.t : item.h || ""}  ${item.x}`)];
    if (item.m) {
      const flow = this.c.flows[item.m.fl];
      out.push(el("div", { class: "dim" }, `${flow.name}, ${flow.ends}, on link ${item.m.link}`));
      if (item.m.fate) out.push(el("div", { class: "warn" }, "The link: " + item.m.fate));
      out.push(el("div", { class: "opts" }, ...(item.m.o || []).map(o => el("div", {}, el("b", {}, o.n),
        el("table", {}, ...(o.f || []).map(([k, v]) => el("tr", {}, el("td", { class: "dim" }, k), el("td", { class: "mono" }, v))))))));
      if (item.m.ctr) out.push(el("div", {}, el("b", {}, "counters: "), item.m.ctr.join(", ")));
    }
    for (const w of item.w || []) if (this.c.items[w].k === "event") out.push(el("div", {}, el("b", {}, `event at ${this.c.items[w].h}: `), el("span", { class: "mono" }, this.c.items[w].x)));
    this.detail.replaceChildren(...out);
  }

  // step goes to the next message, or with -1 to the one before, and brings it into sight.
  step(by) {
    const at = this.rows.indexOf(this.chosen);
    for (let r = at < 0 ? (by > 0 ? 0 : this.rows.length - 1) : at + by; r >= 0 && r < this.rows.length; r += by) {
      if (!this.c.items[this.rows[r]].m) continue;
      const y = r * Sequence.height;
      if (y < this.body.scrollTop || y > this.body.scrollTop + this.body.clientHeight - 2 * Sequence.height) this.body.scrollTop = y - this.body.clientHeight / 2;
      this.pinned = true;
      return this.choose(this.rows[r]);
    }
  }
}
