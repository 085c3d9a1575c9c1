// The ways for pictures to come in: chosen, photographed, pasted, dropped.

import { $ } from "/static/parts.js";

/** Calls `add` with the files of every way. */
export function takeFiles(add) {
  for (const id of ["files", "camera"]) {
    $(id).addEventListener("change", (event) => {
      add(event.target.files);
      event.target.value = ""; // so that the same picture can be chosen again
    });
  }
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) add(event.clipboardData.files);
  });
  let inside = 0; // dragenter comes for a child before dragleave for its parent
  document.addEventListener("dragenter", () => {
    inside += 1;
    $("main").classList.add("over");
  });
  document.addEventListener("dragleave", () => {
    inside = Math.max(0, inside - 1);
    if (!inside) $("main").classList.remove("over");
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    $("main").classList.remove("over");
    add(event.dataTransfer.files);
  });
}
