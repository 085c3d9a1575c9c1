// The training images that are most alike.

import { ask } from "/static/asking.js";
import { $, part } from "/static/parts.js";

/** Shows what `/page/neighbours` gave for a picture, or that it has not yet. */
export function showNear(item, model) {
  const { near } = item;
  $("near").hidden = false;
  const note = $("near-note");
  note.hidden = false;
  if (!near || near.state === "preparing") {
    note.textContent = near ? "The training images are being searched for the first time …" : "Searching …";
    $("near-list").replaceChildren();
    return;
  }
  note.textContent = near.reason;
  if (near.state === "ready" && near.among < near.of) {
    note.textContent += ` Searched: ${near.among.toLocaleString("en")} of ${near.of.toLocaleString("en")} images.`;
  }
  if (near.neighbours.some(({ sha256 }) => sha256 === item.answer.sha256)) {
    note.textContent += " It was taught with this very image, so a right answer proves little.";
  }
  note.hidden = !note.textContent;
  const best = item.answer.probabilities[0][0];
  const tiles = near.neighbours.map((neighbour) => {
    const tile = part("div", "tile");
    if (near.reason) tile.textContent = "no picture";
    else thumbnail(tile, neighbour, model);
    const text = part("p", neighbour.label === model.classes[best] ? "" : "other", neighbour.label);
    const same = neighbour.sha256 === item.answer.sha256 ? "this very image" : `similarity ${neighbour.similarity.toFixed(2)}`;
    const entry = document.createElement("li");
    entry.title = neighbour.name;
    entry.append(tile, text, part("p", "share", same));
    return entry;
  });
  $("near-list").replaceChildren(...tiles);
}

// Through `ask`, not by an address: the server may want its token.
async function thumbnail(tile, neighbour, model) {
  try {
    const path = `/page/neighbours/${encodeURIComponent(model.name)}/${neighbour.sha256}`;
    const image = document.createElement("img");
    image.alt = `Training image: ${neighbour.label}`;
    image.src = URL.createObjectURL(await ask(path));
    image.onload = () => URL.revokeObjectURL(image.src);
    tile.replaceChildren(image);
  } catch {
    tile.textContent = "no picture";
  }
}
