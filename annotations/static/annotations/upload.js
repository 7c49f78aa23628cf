// Sends a file straight to storage: ask for a form, post the file with it, confirm, go to the job.

const MB = 1_000_000;
const form = document.getElementById("submit");
const drop = document.getElementById("drop");
const picker = document.getElementById("file");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const fault = document.getElementById("fault");
const most = Number(form.dataset.most);
let chosen = null;

const inMB = (bytes) => `${(bytes / MB).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} MB`;
const small = (bytes) => (bytes < MB / 10 ? `${(bytes / 1000).toFixed(1)} KB` : inMB(bytes));

function say(text) {
  document.getElementById("fault-text").textContent = text;
  fault.hidden = !text;
}

/** Say why a file can't be sent, before a byte of it is; nothing when it can. */
async function refusal(file) {
  if (file.size === 0) return "This file is empty. Choose another one.";
  if (file.size > most) {
    return `This file is ${inMB(file.size)}, and your plan takes up to ${inMB(most)}. Compress it with bgzip, split it, or see the plans.`;
  }
  const start = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const zipped = start[0] === 0x1f && start[1] === 0x8b;
  const plain = new TextDecoder().decode(start).startsWith("##fileformat=VC");
  return zipped || plain ? "" : "This is no VCF: it does not begin with ##fileformat=VCF, nor is it gzip. Choose another file.";
}

async function choose(file) {
  if (!file) return;
  const reason = await refusal(file);
  say(reason);
  chosen = reason ? null : file;
  document.getElementById("chosen").textContent = `${file.name} · ${small(file.size)}`;
}

function show(sent, total, started) {
  const share = Math.floor((100 * sent) / total);
  const seconds = (Date.now() - started) / 1000;
  const left = sent && seconds > 2 ? ` · about ${Math.ceil((seconds * (total - sent)) / sent)} s left` : "";
  document.getElementById("meter").value = share;
  document.getElementById("sent").textContent = `${share} % · ${small(sent)} of ${small(total)} sent${left}`;
}

function busy(on) {
  document.getElementById("progress").hidden = !on;
  stop.hidden = !on;
  send.disabled = on;
}

/** Post to the site and return its answer; throws what it says when it declines. */
async function call(url, body) {
  const answer = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.redirected) throw new Error("You were signed out. Reload this page and sign in.");
  const type = answer.headers.get("Content-Type") ?? "";
  if (!type.startsWith("application/json")) throw new Error("The site could not take this. Reload the page and try again.");
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

/** Ask the site for a job and a form for its file. */
function ask() {
  const body = new FormData(form);
  if (!body.get("name").trim()) body.set("name", chosen.name);
  return call(form.action, body);
}

/** Post the file with its form; storage answers 201 or 204. */
function post(made) {
  return new Promise((done, failed) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(made.fields)) body.append(name, value);
    body.append("file", chosen);
    const request = new XMLHttpRequest();
    const started = Date.now();
    request.open("POST", made.url);
    request.upload.onprogress = (event) => show(event.loaded, event.total, started);
    request.onload = () => (request.status < 300 ? done() : failed(new Error(`Storage refused the file (${request.status}). Check its size and try again.`)));
    request.onerror = () => failed(new Error("The connection to storage broke. Nothing was annotated; try again."));
    request.onabort = () => failed(new Error("The upload was stopped. Nothing was annotated."));
    stop.onclick = () => request.abort();
    request.send(body);
  });
}

function token() {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  return body;
}

async function upload() {
  say("");
  busy(true);
  let made = null;
  try {
    made = await ask();
    show(0, chosen.size, Date.now());
    await post(made);
    location.assign((await call(made.confirm, token())).job);
  } catch (error) {
    if (made) await fetch(made.cancel, { method: "POST", body: token(), redirect: "manual" }).catch(() => null);
    say(error.message);
    busy(false);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen) upload();
  else if (fault.hidden) say("Choose a VCF first: drop it above, or press Choose a file.");
});
picker.addEventListener("change", () => choose(picker.files[0]));
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
}
drop.addEventListener("drop", (event) => choose(event.dataTransfer.files[0]));
drop.hidden = false;
