"use strict";

const start = JSON.parse(document.getElementById("start").textContent);
const at = (id) => document.getElementById(id);
const canvas = at("canvas");
const pen = canvas.getContext("2d");
const paint = document.createElement("canvas"); // the mask, coloured, at the image's size
const SIZES = [1, 2, 3, 5, 8, 12, 18, 28, 42]; // diameters in pixels of the image
const TINT = [235, 30, 150];
const MEANINGS = {
  area: "pixels of the mask",
  filled: "share of its place that the mask fills",
  change: "mean difference to the normal; 1 is from black to white",
  seam: "share of the rim with a step that good images hardly show",
  on_object: "share of the mask that lies on the object",
  distance: "whole image to the nearest shot; 0 is a copy of it",
  likeness: "above 1: closer to its own type of defect than to the others",
  new: "distance to the nearest defect drawn earlier; 0 is a copy of it",
};
const STROKES = 64e6; // bytes of earlier masks that undo may keep

let images = [];
let order = []; // what the filters showed when they were last set, in order
let shown = null; // {info, generated, normal, mask, width, height, strokes}
let view = "generated";
let maskOn = true;
let tool = null;
let frame = "whole"; // or "box", or "free" after the wheel or a drag
let eye = { scale: 1, x: 0, y: 0 };
let pointer = null; // where the brush hovers, in pixels of the image
let held = null; // the drag that goes on
let busy = false;
let turn = 0; // counts what was asked to be shown; a late answer is dropped
const loaded = new Map();

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { "X-Anogen-Token": start.token } });
  } catch {
    throw new Error("The server does not answer; is 'anogen review' still running?");
  }
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

const send = async (path, body = "") => (await ask(path, { method: "POST", body })).json();
const bitmap = async (path) => createImageBitmap(await (await ask(path)).blob());

function load(key) {
  if (!loaded.has(key)) {
    const work = Promise.all([
      bitmap(`/pictures/${key}/generated`),
      bitmap(`/pictures/${key}/normal`).catch((error) => error),
      ask(`/pictures/${key}/mask`).then((answer) => answer.arrayBuffer()),
    ]);
    work.catch(() => loaded.delete(key));
    loaded.set(key, work);
    if (loaded.size > 8) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(key);
}

// --- which images -------------------------------------------------------------------------------

const verdict = (info) => info.word ?? info.decision;
const FILTERS = {
  undecided: ["Undecided", (info) => info.word === null],
  accepted: ["Accepted", (info) => verdict(info) === "accepted"],
  rejected: ["Rejected", (info) => verdict(info) === "rejected"],
  all: ["All", () => true],
};
const kind = (info) => JSON.stringify([info.category, info.defect]);
const severalProducts = () => new Set(images.map((info) => info.category)).size > 1;
const title = (info) => (severalProducts() ? `${info.category} / ${info.defect}` : info.defect);

function fillFilters() {
  const chosen = [at("which").value || "undecided", at("defect").value];
  const own = images.filter((info) => !chosen[1] || kind(info) === chosen[1]);
  at("which").replaceChildren(
    ...Object.entries(FILTERS).map(([name, [words, fits]]) =>
      new Option(`${words} (${own.filter(fits).length})`, name, false, name === chosen[0])),
  );
  const kinds = new Map(images.map((info) => [kind(info), title(info)]));
  at("defect").replaceChildren(
    new Option("All defects", "", false, !chosen[1]),
    ...[...kinds].map(([name, words]) => new Option(words, name, false, name === chosen[1])),
  );
  const said = images.filter((info) => info.word !== null);
  const refused = said.filter((info) => info.word === "rejected").length;
  at("bar").max = Math.max(1, images.length);
  at("bar").value = said.length;
  at("counts").textContent =
    `${said.length} of ${images.length} reviewed` + (refused ? `, ${refused} rejected` : "");
}

function setOrder() {
  const fits = FILTERS[at("which").value][1];
  const defect = at("defect").value;
  order = images.filter((info) => fits(info) && (!defect || kind(info) === defect));
}

function filterChanged() {
  fillFilters();
  setOrder();
  show(order.includes(shown?.info) ? shown.info : order[0]);
}

function step(by) {
  const place = shown ? order.indexOf(shown.info) : order.length; // the end comes after the last
  const next = order[place + by];
  return next && leaveFor(next);
}

function goOn() {
  const place = order.indexOf(shown.info);
  if (at("which").value !== "undecided") {
    return show(order[place + 1] ?? shown.info); // loaded anew: dropped strokes are gone
  }
  const rest = [...order.slice(place + 1), ...order.slice(0, place + 1)];
  return show(rest.find((info) => info.word === null));
}

// --- showing ------------------------------------------------------------------------------------

async function show(info) {
  const own = ++turn;
  held = null;
  at("empty").hidden = Boolean(info);
  if (!info) {
    shown = null;
    at("empty").textContent = images.every((one) => one.word !== null)
      ? `Every image has your word, and all are saved: ${images.filter(FILTERS.accepted[1]).length} ` +
        `accepted, ${images.filter(FILTERS.rejected[1]).length} rejected. End the review with ` +
        "Ctrl-C in the terminal; anogen train and anogen export then go by your words. " +
        "← goes back to the last image; 'All' above shows every one."
      : "Nothing to show with these filters; choose others above.";
    paintFacts();
    return;
  }
  try {
    const [generated, normal, mask] = await load(info.key);
    if (own !== turn) return;
    const { width, height } = generated;
    shown = { info, generated, normal, width, height, strokes: [], dirty: false, forgotten: false };
    shown.mask = new Uint8ClampedArray(mask.slice(0));
    paint.width = width;
    paint.height = height;
    tintMask(0, 0, width, height);
    shown.outline = outlineOf(shown);
    if (frame === "free") frame = "whole";
    aim();
    paintFacts();
    const next = order[order.indexOf(info) + 1];
    if (next) load(next.key).catch(() => {});
  } catch (error) {
    if (own !== turn) return;
    // An image that cannot be read can still be passed over, or rejected.
    const mask = new Uint8ClampedArray(1);
    const nothing = new OffscreenCanvas(1, 1);
    shown = { info, generated: nothing, normal: error, width: 1, height: 1, mask };
    Object.assign(shown, { strokes: [], dirty: false, forgotten: false });
    aim();
    paintFacts();
    say(error.message, true);
  }
}

function paintFacts() {
  const info = shown?.info;
  document.querySelectorAll("[data-do]").forEach((button) => {
    const what = button.dataset.do;
    button.disabled = !able(what);
    const pressed = {
      generated: view === "generated",
      normal: view === "normal",
      mask: maskOn,
      zoom: frame === "box",
      brush: tool === "brush",
      erase: tool === "erase",
    }[what];
    if (pressed !== undefined) button.setAttribute("aria-pressed", pressed);
  });
  const save = document.querySelector('[data-do="save"]');
  save.disabled = !shown?.dirty;
  save.classList.toggle("due", Boolean(shown?.dirty));
  at("pixels").textContent = `${brush()} px`;
  canvas.className = tool ? "paint" : "look";
  const place = order.indexOf(info);
  at("badge").textContent = info ? verdict(info) : "";
  at("badge").className = `badge ${info?.word ?? ""}`;
  at("by").textContent = info
    ? (info.word ? "by you" : "by the gate") + (info.corrected ? ", mask corrected" : "")
    : "";
  at("name").textContent = info ? title(info) : "";
  at("place").textContent = info && place >= 0 ? `${place + 1} of ${order.length}` : "";
  at("reason").textContent = info?.reason ? `The gate: ${info.reason}` : "";
  at("id").textContent = info?.id ?? "";
  at("scores").replaceChildren(
    ...Object.entries(info?.scores ?? {}).map(([name, value]) => {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      const number = document.createElement("dd");
      const meaning = document.createElement("small");
      meaning.textContent = MEANINGS[name] ?? "";
      term.append(name.replaceAll("_", " "), meaning);
      number.textContent = Number(value.toPrecision(3));
      row.append(term, number);
      return row;
    }),
  );
  at("gate").hidden = !at("scores").hasChildNodes();
  const defects = info?.boxes.length ?? 0;
  at("several").textContent =
    defects > 1 ? `The image has ${defects} defects; these are the numbers of the worst.` : "";
  draw();
}

// What makes sense where no image is shown: the way back.
const able = (what) => Boolean(shown) || what === "undo" || (what === "back" && order.length > 0);

function aim() {
  const { clientWidth, clientHeight } = canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(clientWidth * ratio));
  canvas.height = Math.max(1, Math.round(clientHeight * ratio));
  if (!shown || frame === "free") return draw();
  let [x0, y0, x1, y1] = [0, 0, shown.width, shown.height];
  if (frame === "box") {
    const [a, b, c, d] = shown.info.box;
    const around = Math.max(8, 0.35 * Math.max(c - a, d - b));
    [x0, y0, x1, y1] = [a - around, b - around, c + around, d + around];
  }
  const margin = 12 * ratio;
  const scale = Math.min(
    (canvas.width - 2 * margin) / (x1 - x0),
    (canvas.height - 2 * margin) / (y1 - y0),
  );
  eye = {
    scale: Math.max(scale, 1e-3),
    x: canvas.width / 2 - (scale * (x0 + x1)) / 2,
    y: canvas.height / 2 - (scale * (y0 + y1)) / 2,
  };
  draw();
}

function tintMask(x0, y0, x1, y1) {
  const [left, top] = [Math.max(0, Math.floor(x0)), Math.max(0, Math.floor(y0))];
  const right = Math.min(shown.width, Math.ceil(x1));
  const bottom = Math.min(shown.height, Math.ceil(y1));
  if (right <= left || bottom <= top) return;
  const part = new ImageData(right - left, bottom - top);
  let to = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++, to += 4) {
      part.data.set(TINT, to);
      part.data[to + 3] = 0.42 * shown.mask[y * shown.width + x];
    }
  }
  paint.getContext("2d").putImageData(part, left, top);
}

// Along the edges of pixels, so that the outline covers nothing of what it goes around.
function outlineOf({ mask, width, height }) {
  const path = new Path2D();
  const within = (x, y) =>
    x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] >= 128;
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const own = within(x, y);
      if (own !== within(x, y - 1)) { path.moveTo(x, y); path.lineTo(x + 1, y); }
      if (own !== within(x - 1, y)) { path.moveTo(x, y); path.lineTo(x, y + 1); }
    }
  }
  return path;
}

function draw() {
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  at("caption").textContent = "";
  if (!shown) return;
  const { scale, x, y } = eye;
  const ratio = window.devicePixelRatio || 1;
  pen.setTransform(scale, 0, 0, scale, x, y);
  pen.imageSmoothingEnabled = scale < 3;
  pen.imageSmoothingQuality = "high";
  const missing = view === "normal" && shown.normal instanceof Error;
  pen.drawImage(view === "normal" && !missing ? shown.normal : shown.generated, 0, 0);
  at("caption").textContent = missing
    ? shown.normal.message
    : view === "normal" ? "normal" : shown.dirty ? "generated, mask not saved" : "generated";
  if (view === "normal") return;
  if (maskOn) {
    pen.imageSmoothingEnabled = false;
    pen.strokeStyle = `rgb(${TINT})`;
    pen.lineWidth = (1.25 * ratio) / scale;
    if (tool) pen.drawImage(paint, 0, 0);
    else if (shown.outline) pen.stroke(shown.outline); // the defect itself stays in sight
    pen.setLineDash([(5 * ratio) / scale, (4 * ratio) / scale]);
    for (const [x0, y0, x1, y1] of shown.info.boxes) pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    pen.setLineDash([]);
  }
  if (tool && pointer) {
    for (const [width, colour] of [[3, "#000a"], [1.25, tool === "brush" ? "#fff" : "#ffd24a"]]) {
      pen.beginPath();
      pen.arc(pointer.x, pointer.y, brush() / 2, 0, 2 * Math.PI);
      pen.lineWidth = (width * ratio) / scale;
      pen.strokeStyle = colour;
      pen.stroke();
    }
  }
}

let fading = 0;
function say(words, wrong = false) {
  const toast = at("toast");
  toast.textContent = words;
  toast.classList.toggle("wrong", wrong);
  clearTimeout(fading);
  fading = setTimeout(() => { toast.textContent = ""; }, wrong ? 6000 : 1800);
}

// --- painting -----------------------------------------------------------------------------------

const brush = () => SIZES[at("size").value - 1];

function inImage(event) {
  const place = canvas.getBoundingClientRect();
  const ratio = canvas.width / place.width;
  return {
    x: ((event.clientX - place.left) * ratio - eye.x) / eye.scale,
    y: ((event.clientY - place.top) * ratio - eye.y) / eye.scale,
  };
}

function stamp(centre) {
  const radius = brush() / 2;
  const value = tool === "brush" ? 255 : 0;
  const { width, height, mask } = shown;
  const set = (x, y) => {
    if (x >= 0 && y >= 0 && x < width && y < height) mask[y * width + x] = value;
  };
  set(Math.floor(centre.x), Math.floor(centre.y)); // a brush of one pixel misses all centres
  for (let y = Math.floor(centre.y - radius); y <= centre.y + radius; y++) {
    for (let x = Math.floor(centre.x - radius); x <= centre.x + radius; x++) {
      if ((x + 0.5 - centre.x) ** 2 + (y + 0.5 - centre.y) ** 2 <= radius ** 2) set(x, y);
    }
  }
}

function stroke(from, to) {
  const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / (brush() / 4)));
  for (let i = 0; i <= steps; i++) {
    stamp({ x: from.x + ((to.x - from.x) * i) / steps, y: from.y + ((to.y - from.y) * i) / steps });
  }
  const reach = brush() / 2 + 2;
  tintMask(
    Math.min(from.x, to.x) - reach, Math.min(from.y, to.y) - reach,
    Math.max(from.x, to.x) + reach, Math.max(from.y, to.y) + reach,
  );
}

canvas.addEventListener("pointerdown", (event) => {
  if (!shown || busy || event.button !== 0) return;
  canvas.setPointerCapture(event.pointerId);
  if (!tool) {
    held = { kind: "move", x: event.clientX, y: event.clientY };
    return;
  }
  shown.strokes.push(shown.mask.slice());
  while (shown.strokes.length > Math.max(1, STROKES / shown.mask.length)) {
    shown.strokes.shift();
    shown.forgotten = true; // what is left at the end of undoing is not what was saved
  }
  held = { kind: "paint", from: inImage(event) };
  pointer = held.from;
  stroke(held.from, held.from);
  shown.dirty = true;
  paintFacts();
});

canvas.addEventListener("pointermove", (event) => {
  pointer = inImage(event);
  if (held?.kind === "paint") {
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const to = inImage(one);
      stroke(held.from, to);
      held.from = to;
    }
  } else if (held?.kind === "move") {
    const ratio = canvas.width / canvas.clientWidth;
    eye.x += (event.clientX - held.x) * ratio;
    eye.y += (event.clientY - held.y) * ratio;
    Object.assign(held, { x: event.clientX, y: event.clientY });
    frame = "free";
  }
  if (tool || held) draw();
});

const letGo = () => { held = null; };
canvas.addEventListener("pointerup", letGo);
canvas.addEventListener("pointercancel", letGo);
canvas.addEventListener("pointerleave", () => { pointer = null; draw(); });
canvas.addEventListener("wheel", (event) => {
  if (!shown) return;
  event.preventDefault();
  const { x, y } = inImage(event);
  const scale = Math.min(200, Math.max(0.02, eye.scale * 1.0015 ** -event.deltaY));
  eye = { scale, x: eye.x + x * (eye.scale - scale), y: eye.y + y * (eye.scale - scale) };
  frame = "free";
  paintFacts();
}, { passive: false });

// --- words --------------------------------------------------------------------------------------

function learn(info) {
  Object.assign(images.find((one) => one.key === info.key), info);
  fillFilters();
}

async function save() {
  const one = shown;
  if (!one?.dirty) return;
  const answer = await send(`/masks/${one.info.key}`, one.mask.slice());
  loaded.delete(one.info.key);
  one.dirty = false;
  one.strokes = [];
  one.forgotten = false;
  learn(answer.image);
  say("mask saved");
  paintFacts();
}

async function decide(word) {
  const one = shown;
  if (word === "accepted") await save();
  else if (one.dirty) loaded.delete(one.info.key);
  learn((await send(`/words/${one.info.key}`, word)).image);
  say(`${word}; U takes it back`);
  await goOn(); // no further word before the next image is seen
}

async function undo() {
  if (shown?.strokes.length) {
    shown.mask = shown.strokes.pop();
    shown.dirty = shown.strokes.length > 0 || shown.forgotten;
    shown.outline = outlineOf(shown);
    tintMask(0, 0, shown.width, shown.height);
    paintFacts();
    return;
  }
  if (shown?.dirty) {
    say("earlier strokes cannot be undone");
    return;
  }
  const { image } = await send("/undo");
  if (!image) {
    say("nothing left to undo");
    return;
  }
  loaded.delete(image.key);
  learn(image);
  const info = images.find((one) => one.key === image.key);
  if (!order.includes(info)) {
    at("which").value = "all";
    at("defect").value = "";
    fillFilters();
    setOrder();
  }
  await show(info);
  say("taken back");
}

async function leaveFor(info) {
  await save(); // nothing painted is lost by going on
  await show(info);
}

const pick = (name) => {
  tool = tool === name ? null : name;
  if (tool) [view, maskOn] = ["generated", true];
  else putAway();
};
function putAway() {
  tool = null;
  if (shown) shown.outline = outlineOf(shown);
}
const ACTIONS = {
  generated: () => { view = "generated"; },
  normal: () => { view = view === "normal" ? "generated" : "normal"; },
  mask: () => { maskOn = !maskOn; },
  zoom: () => { frame = frame === "box" ? "whole" : "box"; aim(); },
  brush: () => pick("brush"),
  erase: () => pick("erase"),
  undo,
  save,
  accept: () => decide("accepted"),
  reject: () => decide("rejected"),
  back: () => step(-1),
  next: () => step(1),
};
const KEYS = {
  a: "accept", r: "reject", b: "brush", e: "erase", u: "undo", s: "save", g: "generated",
  n: "normal", m: "mask", z: "zoom", arrowleft: "back", arrowright: "next",
};

async function act(what) {
  if (busy || !able(what)) return;
  busy = true; // one word at a time, in the order in which they were said
  try {
    await ACTIONS[what]();
  } catch (error) {
    say(error.message, true);
  } finally {
    busy = false;
    paintFacts();
  }
}

document.querySelectorAll("[data-do]").forEach((button) => {
  button.addEventListener("click", () => { button.blur(); act(button.dataset.do); });
});
at("size").addEventListener("input", paintFacts);
at("size").addEventListener("change", () => at("size").blur());
for (const id of ["which", "defect"]) {
  at(id).addEventListener("change", async () => {
    at(id).blur();
    await act("save");
    filterChanged();
  });
}
at("help").addEventListener("click", () => at("keys").showModal());

let before = null; // the view while space is held
document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if (at("keys").open || event.target.matches("select, input")) return;
  if ((event.ctrlKey || event.metaKey) && key === "z") {
    event.preventDefault();
    act("undo");
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "?") at("keys").showModal();
  else if (key === "escape") putAway();
  else if (key >= "1" && key <= "9" && key.length === 1) at("size").value = key;
  else if (key === " " && !event.target.matches("button")) {
    event.preventDefault();
    if (before === null) [before, view] = [view, "normal"];
  } else if (KEYS[key]) {
    event.preventDefault();
    if (!event.repeat || key.startsWith("arrow")) act(KEYS[key]);
    return;
  } else return;
  paintFacts();
});
document.addEventListener("keyup", (event) => {
  if (event.key !== " " || before === null) return;
  [view, before] = [before, null];
  paintFacts();
});
window.addEventListener("beforeunload", (event) => {
  if (shown?.dirty) event.preventDefault();
});
new ResizeObserver(aim).observe(canvas);

async function begin() {
  at("run").textContent = start.title;
  document.title = `${start.title} · anogen review`;
  try {
    images = (await (await ask("/bank")).json()).images;
  } catch (error) {
    say(error.message, true);
    return;
  }
  fillFilters();
  setOrder();
  await show(order[0]);
  document.body.dataset.ready = "yes";
}
begin();
