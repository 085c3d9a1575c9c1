// The page: pictures in, answers out. Names of classes and files come from elsewhere: they go in as text, never as HTML.

import { Gone, Problem, ask, sleep } from "/static/asking.js";
import { takeFiles } from "/static/files.js";
import { drawHeat, drawLegend } from "/static/heat.js";
import { showNear } from "/static/near.js";
import { $, option, part } from "/static/parts.js";
import { aboutText, calibrationText, percent } from "/static/words.js";

const FIRST = 6; // classes shown at once
const POLLS = 120; // seconds to wait for the training images to be searched

let models = [];
let model = null;
let limit = Infinity;
let items = [];
let current = null;
let everything = false; // whether all classes are shown
let working = false;

// What is asked of the server -------------------------------------------------------------------------------------

async function loadModels() {
  try {
    const found = await ask("/page/models");
    limit = found.max_body;
    models = found.models;
    $("model").replaceChildren(...models.map((one) => option(one.name, one.name)));
    $("model-choice").hidden = models.length < 2;
    takeModel(models[0].name);
    return true;
  } catch (error) {
    fail(textOf(error), loadModels);
    return false;
  }
}

function takeModel(name) {
  model = models.find((one) => one.name === name);
  everything = false;
  $("about").textContent = aboutText(model);
  $("report").hidden = !model.report;
  $("report").href = `/report/${encodeURIComponent(model.name)}/`;
  $("truth").replaceChildren(
    option("choose …", ""),
    ...model.classes.map((label, index) => option(label, String(index))),
  );
  for (const item of items) forget(item);
  if (items.length) show(current ?? items[0]);
  work();
}

function query(parts = {}) {
  return `?${new URLSearchParams({ model: model.name, ...parts })}`;
}

// Answers the pictures that have none yet, one after the other.
async function work() {
  if (working) return;
  working = true;
  for (let item = next(); item; item = next()) {
    const asked = model;
    item.state = "working";
    render(item);
    try {
      if (!item.file.size) throw new Problem("This file is empty.", false);
      if (item.file.size > limit) {
        throw new Problem(`This file has ${size(item.file.size)}; this server takes up to ${size(limit)}.`, false);
      }
      const answer = await ask(`/page/answer${query()}`, { body: item.file, onWait: (text) => wait(item, text) });
      if (asked !== model) continue; // another model was chosen meanwhile: `forget` has put it back in the queue
      Object.assign(item, { state: "done", answer, chosen: answer.probabilities[0][0], truth: answer.corrected });
    } catch (error) {
      if (asked !== model) continue;
      Object.assign(item, { state: "error", error: textOf(error), again: !(error instanceof Problem) || error.again });
      if (error instanceof Gone) {
        for (const other of items.filter((one) => one.state === "waiting")) {
          Object.assign(other, { state: "error", error: item.error, again: true });
        }
      }
    }
    render(item);
  }
  working = false;
}

const next = () => items.find((item) => item.state === "waiting");

function forget(item) {
  Object.assign(item, { state: "waiting", answer: null, heats: new Map(), near: null, looking: false, truth: null });
}

async function look(item) {
  const { chosen } = item;
  const asked = model;
  if (item.heats.has(chosen)) return;
  item.heats.set(chosen, null); // on its way
  let heat;
  try {
    heat = await ask(`/page/explain${query({ index: chosen })}`, { body: item.file });
  } catch (error) {
    heat = { problem: textOf(error) };
  }
  if (asked !== model) return;
  item.heats.set(chosen, heat);
  if (item === current) showHeat();
}

async function findNear(item) {
  if (item.looking) return;
  item.looking = true;
  const asked = model;
  for (let poll = 0; poll < POLLS && asked === model; poll += 1) {
    try {
      item.near = await ask(`/page/neighbours${query()}`, { body: item.file });
    } catch (error) {
      item.near = { state: "unavailable", reason: textOf(error), neighbours: [] };
    }
    if (asked !== model) return;
    if (item === current) showNear(item, model);
    if (item.near.state !== "preparing") return;
    await sleep(poll < 4 ? 500 : 2000);
    if (item !== current) {
      item.looking = false; // goes on when it is shown again
      return;
    }
  }
}

async function correct(item, index) {
  const { classes } = model;
  $("correct-error").hidden = true;
  try {
    const kept = await ask(`/page/corrections${query({ index })}`, { body: item.file });
    item.truth = index;
    item.before = kept.previous;
    if (item === current) showTruth();
    say(`Kept as ${classes[index]}.`);
    $("kept-text").focus();
  } catch (error) {
    $("correct-error").textContent = textOf(error);
    $("correct-error").hidden = false;
  }
}

async function undo(item) {
  $("correct-error").hidden = true;
  try {
    if (item.before != null && item.before !== item.truth) {
      await ask(`/page/corrections${query({ index: item.before })}`, { body: item.file });
      item.truth = item.before;
    } else {
      await ask(`/page/corrections/${encodeURIComponent(model.name)}/${item.answer.sha256}`, { method: "DELETE" });
      item.truth = null;
    }
    item.before = null;
    if (item === current) showTruth();
    say("The correction was taken back.");
    if (item.truth == null) $("truth").focus();
  } catch (error) {
    $("correct-error").textContent = textOf(error);
    $("correct-error").hidden = false;
  }
}

// What comes in ----------------------------------------------------------------------------------------------------

function add(files) {
  const found = [...files].filter((file) => file.size || file.type);
  if (!found.length) return;
  const fresh = found.map((file) => {
    const item = { file, url: URL.createObjectURL(file), state: "waiting", heats: new Map(), near: null, truth: null };
    addToStrip(item);
    return item;
  });
  items.push(...fresh);
  $("strip").hidden = items.length < 2;
  show(fresh[0]);
  if (model) work();
}

function addToStrip(item) {
  const image = document.createElement("img");
  image.alt = "";
  image.src = item.url;
  image.onerror = () => image.replaceWith(part("span", "blank"));
  const name = document.createElement("span");
  const button = document.createElement("button");
  button.type = "button";
  button.append(image, name);
  button.addEventListener("click", () => show(item));
  Object.assign(item, { button, short: name });
  const entry = document.createElement("li");
  entry.append(button);
  $("strip").append(entry);
}

// What is seen -----------------------------------------------------------------------------------------------------

function show(item) {
  current = item;
  everything = false;
  for (const one of items) one.button.setAttribute("aria-current", String(one === item));
  item.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  const picture = $("picture");
  $("stage").hidden = false;
  $("unseen").hidden = true;
  picture.hidden = false;
  picture.alt = `The picture ${item.file.name}`;
  picture.src = item.url;
  $("name").textContent = item.file.name || "pasted picture";
  $("correct-error").hidden = true;
  render(item);
}

function render(item) {
  item.short.textContent =
    { waiting: "waiting", working: "looking …", error: "not read" }[item.state] ?? model.classes[item.answer.probabilities[0][0]];
  item.short.classList.toggle("failed", item.state === "error");
  item.button.setAttribute("aria-label", `${item.file.name || "pasted picture"}: ${item.short.textContent}`);
  if (item !== current) return;
  const { state } = item;
  $("main").dataset.state = state === "waiting" ? "working" : state;
  $("working").hidden = !(state === "waiting" || state === "working");
  $("working-text").textContent = "Looking at it …";
  $("answer").hidden = state !== "done";
  $("error").hidden = state !== "error";
  if (state === "error") {
    fail(item.error, item.again ? () => retry(item) : null);
  } else if (state === "done") {
    showAnswer(item);
    look(item);
    findNear(item);
  }
  showHeat();
}

function retry(item) {
  for (const one of items.filter((other) => other === item || (other.state === "error" && other.again))) {
    forget(one);
    render(one);
  }
  work();
}

function wait(item, text) {
  if (item === current) $("working-text").textContent = text;
}

function fail(text, again) {
  $("error-text").textContent = text;
  $("again").hidden = !again;
  $("again").onclick = async () => {
    $("error").hidden = true;
    if ((await again()) === true && items.length) show(current);
  };
  $("error").hidden = false;
}

function showAnswer(item) {
  const { probabilities } = item.answer;
  const [best, sure] = probabilities[0];
  $("how-sure").textContent = sure >= 0.5 ? "This looks like" : "It cannot tell; perhaps";
  $("label").textContent = model.classes[best];
  $("sure").textContent = percent(sure);
  $("trust").textContent = calibrationText(model.calibration, sure);
  say(`${item.file.name}: ${model.classes[best]}, ${percent(sure)}.`);
  showBars(item);
  showTruth();
  showNear(item, model);
}

function showBars(item) {
  const { probabilities } = item.answer;
  const some = everything ? probabilities : probabilities.slice(0, FIRST);
  $("bars").replaceChildren(
    ...some.map(([index, probability]) => {
      const name = part("span", "class", model.classes[index]);
      const share = part("span", "share", percent(probability));
      const track = part("span", "track");
      const fill = part("span", "fill");
      fill.style.width = `${100 * probability}%`;
      track.append(fill);
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.index = String(index);
      button.append(name, share, track);
      button.addEventListener("click", () => choose(item, index));
      const entry = document.createElement("li");
      entry.append(button);
      return entry;
    }),
  );
  $("more").hidden = probabilities.length <= FIRST;
  $("more").textContent = everything ? "Fewer classes" : `All ${probabilities.length.toLocaleString("en")} classes`;
  press(item);
}

function press(item) {
  for (const button of $("bars").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.index) === item.chosen));
  }
}

function choose(item, index) {
  item.chosen = index;
  $("map-on").checked = true;
  press(item);
  showHeat();
  look(item);
}

function showHeat() {
  // Over a picture that this browser cannot show, a map says nothing.
  $("map").hidden = current?.state !== "done" || $("picture").hidden;
  const heat = current?.state === "done" ? current.heats.get(current.chosen) : null;
  const canvas = $("heat");
  const drawn = Boolean(heat?.values) && $("map-on").checked && !$("picture").hidden;
  canvas.style.opacity = drawn ? "1" : "0";
  canvas.dataset.drawn = drawn ? String(current.chosen) : "";
  if (drawn) {
    const picture = $("picture");
    const aspect = !picture.naturalWidth ? 4 / 3 : picture.naturalWidth / picture.naturalHeight;
    drawHeat(canvas, heat, aspect, $("strength").value / 100);
  }
  $("strength").disabled = !$("map-on").checked;
  if (current?.state !== "done") return;
  const label = model.classes[current.chosen];
  if (heat?.problem) {
    $("about-map").textContent = heat.problem;
  } else if (!heat) {
    $("about-map").textContent = `Where it sees “${label}” …`;
  } else if (!heat.values.some((value) => value > 0)) {
    $("about-map").textContent = `Nothing in the picture speaks for “${label}”.`;
  } else {
    const hiding = heat.method === "occlusion" ? "hiding them lowers its probability the most" : "they add the most to it";
    $("about-map").textContent = `Where it sees “${label}”: the brighter parts; ${hiding} (${heat.method}).`;
  }
}

function showTruth() {
  const on = model.corrections !== null;
  const given = current.truth != null;
  $("correct").hidden = !on || given;
  $("kept").hidden = !on || !given;
  $("truth").value = "";
  if (given) $("kept-text").textContent = `Kept as “${model.classes[current.truth]}”, to learn from.`;
}

// Small parts ------------------------------------------------------------------------------------------------------

const say = (text) => { $("status").textContent = text; };
const textOf = (error) => (error instanceof Problem ? error.message : `This page failed: ${error.message}`);
const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

// What people do ---------------------------------------------------------------------------------------------------

takeFiles(add);
$("model").addEventListener("change", (event) => takeModel(event.target.value));
$("more").addEventListener("click", () => {
  everything = !everything;
  showBars(current);
});
$("map-on").addEventListener("change", showHeat);
$("strength").addEventListener("input", showHeat);
$("picture").addEventListener("load", (event) => {
  const { naturalWidth, naturalHeight } = event.target;
  $("frame").style.setProperty("--aspect", String(naturalWidth / naturalHeight || 1));
  event.target.classList.toggle("small", Math.max(naturalWidth, naturalHeight) <= 64);
  showHeat();
});
$("picture").addEventListener("error", () => {
  $("picture").hidden = true;
  $("frame").style.removeProperty("--aspect");
  $("unseen").textContent = "This browser cannot show this kind of file.";
  $("unseen").hidden = false;
  showHeat();
});
$("correct").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("truth").value) correct(current, Number($("truth").value));
});
$("undo").addEventListener("click", () => undo(current));
$("report").addEventListener("click", async (event) => {
  if (!sessionStorage.getItem("token")) return; // a plain link
  event.preventDefault();
  const tab = window.open("", "_blank"); // now, while the click still counts as one
  try {
    const { path } = await ask(`/page/report${query()}`, { method: "POST" });
    if (tab) tab.location = path;
    else window.location.assign(path);
  } catch (error) {
    tab?.close();
    fail(textOf(error), null);
  }
});

drawLegend($("legend"));
loadModels();
