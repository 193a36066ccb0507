"use strict";
// Everything from the server is shown as text, never as HTML.
const EXAMPLES = [
  "Ana Lima was born in Lisbon, Portugal. Ana Lima lives in Oslo and works for Acme.",
  "Kari Berg, a spokeswoman for the Bank of Norway, said the office in Oslo would close. "
    + "Her colleague John Hale of Reuters reported from London, England.",
  "Lee Harvey Oswald shot President John Kennedy in Dallas, Texas, in 1963. Jack Ruby killed Oswald two days later.",
];
const HUES = [212, 32, 158, 285, 355, 58, 188, 322];
const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
let found = null; // {text, entities, relations} of the latest answer
let running = null; // AbortController of the latest request

function make(name, attributes = {}, ...children) {
  const element = attributes.svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (key !== "svg") element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// A new request ends the one before it.
async function extract() {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const text = at("text").value;
  const headers = { "Content-Type": "application/json" };
  if (at("token").value) headers.Authorization = `Bearer ${at("token").value}`;
  at("error").textContent = "";
  at("status").textContent = "Extracting …";
  at("extract").disabled = true;
  const begin = performance.now();
  try {
    const answer = await fetch("v1/extract", { method: "POST", headers, body: JSON.stringify({ text }), signal });
    const value = await answer.json();
    if (answer.status === 401) at("access").hidden = false;
    if (!answer.ok) throw new Error(value.detail || value.error || answer.statusText);
    found = { text, ...value, ms: Math.round(performance.now() - begin) };
    show();
  } catch (error) {
    if (signal.aborted) return;
    found = null;
    at("result").hidden = true;
    at("status").textContent = "";
    at("error").textContent = error instanceof TypeError ? "The server cannot be reached." : `Error: ${error.message}`;
  }
  at("extract").disabled = false;
}

// What reaches the lowest score; a relation needs both of its entities.
function chosen() {
  const least = Number(at("score").value);
  const entities = found.entities.filter((entity) => entity.score >= least);
  const kept = new Set(entities.map((entity) => entity.id));
  return { entities, relations: found.relations.filter((r) => r.score >= least && kept.has(r.head) && kept.has(r.tail)) };
}

const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

function show() {
  at("shown").textContent = Number(at("score").value).toFixed(2);
  if (!found) return;
  const { entities, relations } = chosen();
  const types = [...new Set(found.entities.map((entity) => entity.type))];
  const hue = (type) => HUES[types.indexOf(type) % HUES.length];
  at("status").textContent =
    `${plural(entities.length, "entity", "entities")}, ${plural(relations.length, "relation", "relations")}, ${found.ms} ms`
    + (found.left_out ? `; the model has no room for ${found.left_out} more` : "");
  at("result").hidden = false;
  showMarks(entities, hue);
  at("legend").replaceChildren(...types.map((type) => {
    const dot = make("i", { "aria-hidden": "true" });
    dot.style.setProperty("--hue", hue(type));
    return make("li", {}, dot, ` ${type} ${entities.filter((entity) => entity.type === type).length}`);
  }));
  document.querySelector(".scroll").hidden = !relations.length;
  const name = (id) => found.entities[id].text;
  at("relations").replaceChildren(...relations.map((r) => make("tr", {},
    make("td", {}, name(r.head)), make("td", {}, r.type), make("td", {}, name(r.tail)),
    make("td", { class: "number" }, r.score.toFixed(3)))));
  draw(relations, hue);
}

function showMarks(entities, hue) {
  const points = [...found.text]; // offsets count code points
  const parts = [];
  let last = 0;
  for (const entity of entities) {
    if (entity.start < last) continue;
    const mark = make("mark", { title: `${entity.type}, score ${entity.score.toFixed(3)}` },
      points.slice(entity.start, entity.end).join(""), make("small", {}, entity.type));
    mark.style.setProperty("--hue", hue(entity.type));
    parts.push(points.slice(last, entity.start).join(""), mark);
    last = entity.end;
  }
  at("marked").replaceChildren(...parts, points.slice(last).join(""));
}

// The graph: mentions of the same name and type are one node.
function draw(relations, hue) {
  const graph = at("graph");
  const width = at("result").clientWidth;
  const nodes = new Map();
  const node = (id) => {
    const { text, type } = found.entities[id];
    const key = JSON.stringify([text, type]);
    const short = text.length > 24 ? `${text.slice(0, 23)}…` : text;
    if (!nodes.has(key)) nodes.set(key, { text: short, type, w: Math.min(18 + 8.2 * short.length, width - 8), h: 32 });
    return nodes.get(key);
  };
  const edges = new Map();
  for (const r of relations) {
    const from = node(r.head), to = node(r.tail);
    const all = [...nodes.values()];
    const key = `${all.indexOf(from)} ${all.indexOf(to)}`;
    edges.set(key, { from, to, types: [...new Set([...(edges.get(key)?.types || []), r.type])] });
  }
  const all = [...nodes.values()], links = [...edges.values()].filter((edge) => edge.from !== edge.to);
  graph.toggleAttribute("hidden", !all.length);
  const height = place(all, links, width);
  graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
  graph.setAttribute("height", height);
  graph.setAttribute("aria-label", `Graph of ${plural(all.length, "entity", "entities")} and `
    + `${plural(relations.length, "relation", "relations")}; the table below lists them`);
  const arrow = make("marker", { svg: 1, id: "arrow", viewBox: "0 0 10 10", refX: 10, refY: 5, markerWidth: 8, markerHeight: 8, orient: "auto" },
    make("path", { svg: 1, d: "M0 0L10 5L0 10z" }));
  graph.replaceChildren(make("defs", { svg: 1 }, arrow),
    ...links.map((edge) => make("path", { svg: 1, d: line(edge), "marker-end": "url(#arrow)" })),
    ...all.map((one) => {
      const rect = make("rect", { svg: 1, x: one.x - one.w / 2, y: one.y - one.h / 2, width: one.w, height: one.h, rx: 8 });
      rect.style.setProperty("--hue", hue(one.type));
      const text = make("text", { svg: 1, x: one.x, y: one.y + 5 }, one.text);
      if (one.text.length * 8.2 + 18 > one.w) text.setAttribute("textLength", one.w - 12);
      return make("g", { svg: 1 }, rect, text);
    }),
    ...links.map((edge) => {
      const a = border(edge.from, edge.to), b = border(edge.to, edge.from);
      const label = edge.types.join(", "), half = label.length * 3.4 + 2, y = (a.y + b.y) / 2;
      const x = Math.max(half, Math.min(width - half, (a.x + b.x) / 2));
      return make("g", { svg: 1, class: "label" },
        make("rect", { svg: 1, x: x - half, y: y - 8, width: 2 * half, height: 16 }),
        make("text", { svg: 1, x, y: y + 4 }, label));
    }));
}

// Places for the nodes: each group of linked nodes by itself, the groups in rows. Returns the height.
function place(nodes, links, width) {
  const groups = new Map(nodes.map((node) => [node, [node]]));
  for (const { from, to } of links) {
    const one = groups.get(from), other = groups.get(to);
    if (one === other) continue;
    one.push(...other);
    for (const node of other) groups.set(node, one);
  }
  let left = 0, top = 6, tall = 0;
  for (const group of new Set(groups.values())) {
    const within = links.filter((link) => group.includes(link.from));
    const box = arrange(group, within, width);
    if (left && left + box.width > width) { left = 0; top += tall + 28; tall = 0; }
    for (const node of group) { node.x += left - box.left; node.y += top - box.top; }
    left += box.width + 50;
    tall = Math.max(tall, box.height);
  }
  return nodes.length ? top + tall + 8 : 0;
}

// Linked nodes of a group attract each other, all repel each other, and none overlap. Returns the box around them.
function arrange(nodes, links, most) {
  const words = Math.max(...nodes.map((node) => node.w));
  const width = Math.min(most, words + 190 * Math.max(1, Math.sqrt(nodes.length - 1)));
  const height = nodes.length < 3 && width > 2 * words + 110 ? 40 : 100 + 44 * nodes.length;
  nodes.forEach((node, i) => {
    const angle = (2 * Math.PI * i) / nodes.length + 0.2;
    node.x = width / 2 + (Math.cos(angle) * width) / 3;
    node.y = height / 2 + (Math.sin(angle) * height) / 3;
  });
  const ideal = Math.min(width * 0.6, words / 2 + 130);
  for (let step = 0; step < 400; step += 1) {
    const heat = 8 * (1 - step / 400) + 0.5;
    const force = new Map(nodes.map((node) => [node, { x: 0, y: 0 }]));
    for (const a of nodes) for (const b of nodes) if (a !== b) {
      const dx = a.x - b.x || 0.1, dy = a.y - b.y || 0.1, far = dx * dx + dy * dy;
      force.get(a).x += (dx / far) * 500; force.get(a).y += (dy / far) * 500;
      const overX = (a.w + b.w) / 2 + 30 - Math.abs(dx), overY = (a.h + b.h) / 2 + 34 - Math.abs(dy);
      if (overX > 0 && overY > 0) {
        if (overX < overY) force.get(a).x += Math.sign(dx) * overX * 0.5;
        else force.get(a).y += Math.sign(dy) * overY * 0.5;
      }
    }
    for (const { from, to } of links) {
      const dx = to.x - from.x, dy = to.y - from.y, long = Math.hypot(dx, dy) || 1, pull = ((long - ideal) / long) * 0.06;
      force.get(from).x += dx * pull; force.get(from).y += dy * pull;
      force.get(to).x -= dx * pull; force.get(to).y -= dy * pull;
    }
    for (const node of nodes) {
      const { x, y } = force.get(node), long = Math.hypot(x, y) || 1, move = Math.min(long, heat) / long;
      node.x = Math.max(node.w / 2 + 2, Math.min(width - node.w / 2 - 2, node.x + x * move));
      node.y = Math.max(node.h / 2 + 2, Math.min(height - node.h / 2 - 2, node.y + y * move));
    }
  }
  const left = Math.min(...nodes.map((node) => node.x - node.w / 2)), right = Math.max(...nodes.map((node) => node.x + node.w / 2));
  const top = Math.min(...nodes.map((node) => node.y - node.h / 2)), low = Math.max(...nodes.map((node) => node.y + node.h / 2));
  return { left: left - 2, top, width: right - left + 4, height: low - top };
}

// Where the line from the middle of a node to another one leaves its rectangle.
function border(node, other) {
  const dx = other.x - node.x || 0.001, dy = other.y - node.y || 0.001;
  const share = Math.min((node.w / 2 + 3) / Math.abs(dx), (node.h / 2 + 3) / Math.abs(dy), 1);
  return { x: node.x + dx * share, y: node.y + dy * share };
}

function line({ from, to }) {
  const a = border(from, to), b = border(to, from);
  return `M${a.x} ${a.y}L${b.x} ${b.y}`;
}

async function copy(button, text) {
  const was = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch { // without a secure context, or permission
    const area = make("textarea", { readonly: "" }, text);
    document.body.append(area);
    area.select();
    button.textContent = document.execCommand("copy") ? "Copied" : "Not copied";
    area.remove();
    button.focus();
  }
  at("status").textContent = button.textContent;
  setTimeout(() => { button.textContent = was; }, 1500);
}

function curl() {
  const body = JSON.stringify({ text: found.text, min_score: Number(at("score").value) });
  const quoted = `'${body.replaceAll("'", "'\\''")}'`;
  return `curl ${new URL("v1/extract", location.href)} -d ${quoted}`;
}

at("form").addEventListener("submit", (event) => { event.preventDefault(); extract(); });
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit();
});
at("score").addEventListener("input", show);
document.querySelectorAll(".example").forEach((button, i) => button.addEventListener("click", () => {
  at("text").value = EXAMPLES[i];
  extract();
}));
at("json").addEventListener("click", (event) => copy(event.target, JSON.stringify(chosen(), null, 2)));
at("curl").addEventListener("click", (event) => copy(event.target, curl()));
addEventListener("resize", () => { if (found) show(); });

// A link can bring a text: /?text=...&min_score=0.5&run=1
const given = new URLSearchParams(location.search);
if (given.has("min_score")) at("score").value = given.get("min_score");
if (given.has("text")) at("text").value = given.get("text");
show();
if (given.has("run")) extract();
