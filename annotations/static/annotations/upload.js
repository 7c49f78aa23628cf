// Looks at a file before a byte is sent, then sends it straight to storage: ask for a form, post the
// file with it, confirm, go to the job.

import { look } from "./preflight.js";

const MB = 1_000_000;
const form = document.getElementById("submit");
const drop = document.getElementById("drop");
const picker = document.getElementById("file");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const fault = document.getElementById("fault");
const most = Number(form.dataset.most);
const { references, rules } = JSON.parse(document.getElementById("hints").textContent);
const wish = form.elements.reference;
let chosen = null;
let seen = null;

const inMB = (bytes) => `${(bytes / MB).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} MB`;
const small = (bytes) => (bytes < MB / 10 ? `${(bytes / 1000).toFixed(1)} KB` : inMB(bytes));

function say(text) {
  document.getElementById("fault-text").textContent = text;
  fault.hidden = !text;
}

async function choose(file) {
  if (!file) return;
  document.getElementById("chosen").textContent = `${file.name} · ${small(file.size)}`;
  const large = file.size > most;
  say(large ? `This file is ${inMB(file.size)}, and your plan takes up to ${inMB(most)}. Compress it with bgzip, split it, or see the plans.` : "");
  chosen = large ? null : file;
  // A browser that can't look sends the file as it is: the annotator checks everything anyway.
  const found = large ? null : await look(file, rules, references).catch(() => null);
  if (!large && chosen !== file) return; // another file was chosen meanwhile
  seen = found;
  propose();
  examine();
}

/** Choose the proposed reference, unless a person chose one, and say why. */
function propose() {
  const told = document.getElementById("proposed");
  const { reference, reason } = seen?.proposal ?? {};
  if (reference && !wish.dataset.own) wish.value = reference;
  told.textContent = reference ? `Proposed: ${references.find(({ id }) => id === reference).title}. ${reason}` : reason;
  told.hidden = !reason;
}

function row({ line, message, text, fix }) {
  const made = document.getElementById("seen-row").content.cloneNode(true);
  const cells = made.querySelectorAll("td");
  cells[0].textContent = line ? line.toLocaleString("en") : "–";
  cells[1].querySelector("span").textContent = message;
  cells[1].querySelector("div").textContent = text;
  cells[2].textContent = fix || "–";
  return made;
}

const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

/** Return title, text and hue for what was seen. */
function verdict({ hopeless, failed, findings, records, samples, whole }) {
  const part = whole ? "the whole file" : "the first megabyte";
  if (hopeless) return ["This file can’t be annotated", "It is not sent: the annotator reads by the same rules and would refuse it, whatever the reference and the rest of the file.", "red"];
  if (failed) return ["The annotator would refuse this file", `Your browser looked at ${part} and found this against the chosen reference. Choose another one, or mend the file. You may send it anyway: the annotator reads every line, and decides.`, "amber"];
  const of = samples ? ` of ${many(samples, "sample")}` : "";
  const seenOf = `${many(records, "record")}${of} in ${part}.`;
  if (findings.length) return ["This can be annotated, with remarks", `${seenOf} The annotator checks every line, and REF against the reference.`, "blue"];
  return ["Nothing is wrong so far", `${seenOf} The annotator checks every line, and REF against the reference.`, "green"];
}

/** Show what the annotator would say of the chosen file with the chosen reference. */
function examine() {
  const found = seen?.examine(wish.value);
  document.getElementById("seen").hidden = !found;
  send.textContent = found?.failed && !found.hopeless ? "Send it anyway" : "Annotate";
  send.disabled = Boolean(found?.hopeless);
  if (!found) return;
  const [title, text, hue] = verdict(found);
  document.getElementById("seen-title").textContent = title;
  document.getElementById("seen-text").textContent = text;
  document.getElementById("seen-banner").className = `banner mb-2 hue-${hue}`;
  document.getElementById("seen-rows").replaceChildren(...found.findings.map(row));
  document.getElementById("seen-table").hidden = !found.findings.length;
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
  if (chosen && !send.disabled) upload();
  else if (fault.hidden) say("Choose a VCF first: drop it above, or press Choose a file.");
});
picker.addEventListener("change", () => choose(picker.files[0]));
wish.addEventListener("change", () => {
  wish.dataset.own = "yes";
  examine();
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
}
drop.addEventListener("drop", (event) => choose(event.dataTransfer.files[0]));
drop.hidden = false;
