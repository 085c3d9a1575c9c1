// Elements made of text that came from elsewhere: always as text, never as HTML.

export const $ = (id) => document.getElementById(id);

export function part(tag, name, text = "") {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}

export function option(text, value) {
  const element = document.createElement("option");
  element.textContent = text;
  element.value = value;
  return element;
}
