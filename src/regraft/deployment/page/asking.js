// One way to the server: with the token if there is one, again where it is busy, and with words for what goes wrong.

const TRIES = 6; // of a request that the server is too busy for

export class Problem extends Error {
  constructor(text, again = true) {
    super(text);
    this.again = again; // whether the same request may go better later
  }
}

export class Gone extends Problem {}

export const sleep = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

/** Gives the JSON, the Blob, or null where there is nothing; throws a `Problem`. A body makes it a POST. */
export async function ask(path, { body = null, method = body ? "POST" : "GET", onWait = () => {} } = {}) {
  for (let tried = 1; ; tried += 1) {
    const response = await send(path, method, body);
    if (response.ok) return content(response);
    if (response.status === 401) {
      await askToken();
    } else if (response.status === 429 && tried < TRIES) {
      const seconds = Math.min(30, Math.max(1, Number(response.headers.get("Retry-After")) || 1));
      onWait(`The server is busy; asking again in ${seconds} s …`);
      await sleep(1000 * seconds);
    } else {
      throw new Problem(await words(response), response.status >= 429 || response.status === 408);
    }
  }
}

async function send(path, method, body) {
  const headers = {};
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/octet-stream";
  try {
    return await fetch(path, { method, body, headers, cache: method === "GET" ? "default" : "no-store" });
  } catch {
    if (body && !(await readable(body))) {
      throw new Problem("The file cannot be read any more; was it moved or changed?", false);
    }
    throw new Gone("The server does not answer. Is “regraft serve” still running?");
  }
}

async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function content(response) {
  if (response.status === 204) return null;
  return (response.headers.get("Content-Type") ?? "").startsWith("application/json") ? response.json() : response.blob();
}

async function words(response) {
  let text = "";
  try {
    text = (await response.json()).error;
  } catch {
    // no JSON: something between the page and the server has answered
  }
  if (response.status === 413) return `This picture is too large for this server. ${text}`.trim();
  if (response.status === 429) return "The server is too busy. Try again in a while.";
  if (/cannot be read/.test(text)) return `${text.replace(/\.?$/, ".")} This page takes JPEG, PNG, WebP, GIF, BMP and TIFF.`;
  return text || `The server answered ${response.status} ${response.statusText}.`;
}

let asking = null; // one dialogue for all requests that wait for the token

function askToken() {
  asking ??= new Promise((done) => {
    const dialog = document.getElementById("ask-token");
    const field = document.getElementById("token");
    if (sessionStorage.getItem("token")) {
      document.getElementById("token-text").textContent = "That was not the server's token. Try again.";
    }
    sessionStorage.removeItem("token");
    field.value = "";
    dialog.addEventListener("cancel", (event) => event.preventDefault()); // nothing works without it
    dialog.addEventListener(
      "close",
      () => {
        sessionStorage.setItem("token", field.value.trim());
        asking = null;
        done();
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}
