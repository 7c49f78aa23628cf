// Says of the first megabyte of a file what the annotator's preflight will say, in the same words,
// before a byte is sent. What it can't know (REF, the rest of the file), it leaves to the annotator.

import { namesOf, propose, thousands } from "./proposal.js";

const SHOWN_PER_CODE = 5;
const TEXT_SHOWN = 120;
const BLANKS = /[ \t\n\r\v\f]+/;
const NUMBER = /^[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf|infinity|nan)$/i;
const BREAKEND = /^([ACGTN.]*[[\]][^[\] \t\n\r\v\f]+[[\]][ACGTN.]*|\.[A-Z]+|[A-Z]+\.)$/i;
const encoder = new TextEncoder();
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

// Errors found on the chosen reference's sequences alone: with another reference there may be none.
const OF_REFERENCE = new Set([
  ...["contig-length", "contig-trap", "unknown-contig", "pos-format", "pos-range", "ref-alphabet"],
  ...["alt-alphabet", "alt-count", "qual-format", "crowded-position"],
]);

class Over extends Error {}

// --- the first bytes, decompressed ---------------------------------------------------------------

const begins = (bytes, start) => start.every((byte, place) => bytes[place] === byte);
const unhex = (text) => text.match(/../g).map((pair) => parseInt(pair, 16));
const isGzip = (bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b;
const isBgzip = (bytes) => isGzip(bytes) && bytes[3] === 4 && bytes[12] === 0x42 && bytes[13] === 0x43;

function join(parts, most) {
  const whole = new Uint8Array(Math.min(most, parts.reduce((size, part) => size + part.length, 0)));
  let place = 0;
  for (const part of parts) {
    whole.set(part.subarray(0, whole.length - place), place);
    place += Math.min(part.length, whole.length - place);
  }
  return whole;
}

/** Decompress gzip up to `most` bytes; `trouble` is where it failed: "write" or "close". */
async function inflate(bytes, most) {
  const { writable, readable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  let trouble = "";
  const feed = async () => {
    for (let place = 0; place < bytes.length; place += 4096) await writer.write(bytes.subarray(place, place + 4096));
  };
  const fed = feed().then(() => writer.close().catch(() => { trouble ||= "close"; }), () => { trouble ||= "write"; });
  const parts = [];
  let size = 0;
  const reader = readable.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      size += part.value.length;
      if (size > most) return { text: join(parts, most), more: true, trouble: "" };
    }
  } catch { /* `fed` tells where */ } finally {
    reader.cancel().catch(() => null);
  }
  await fed;
  return { text: join(parts, most), more: false, trouble };
}

/** Decompress bgzip block by block: each says its size, and a damaged one hides no other. */
async function inflateBlocks(bytes, most, whole) {
  const parts = [];
  let place = 0, size = 0;
  while (place < bytes.length && size < most) {
    const left = bytes.subarray(place);
    if (!isBgzip(left)) return { text: join(parts, most), more: true, code: "" };
    const length = left[16] + 256 * left[17] + 1;
    const block = await inflate(left.subarray(0, length), most);
    if (left.length < length) return { text: join([...parts, block.text], most), more: !whole, code: whole ? "truncated-gzip" : "" };
    if (block.trouble) return { text: join(parts, most), more: false, code: "corrupt-gzip" };
    parts.push(block.text);
    size += block.text.length;
    place += length;
  }
  return { text: join(parts, most), more: !whole || place < bytes.length || size >= most, code: "" };
}

/** Return the start of a file's text; `more` says that there is more of it, `code` how it broke. */
async function start(file, rules) {
  const bytes = new Uint8Array(await file.slice(0, rules.first).arrayBuffer());
  const whole = bytes.length === file.size;
  if (!isGzip(bytes)) return { bytes, text: bytes, more: !whole, code: "" };
  if (isBgzip(bytes)) {
    const marker = unhex(rules.marker);
    const end = bytes.subarray(Math.max(0, bytes.length - marker.length));
    return { bytes, ...await inflateBlocks(bytes, rules.first, whole), unmarked: whole && !begins(end, marker) };
  }
  const { text, more, trouble } = await inflate(bytes, rules.first);
  if (trouble === "write") return { bytes, text, more: text.length > 0, code: text.length ? "" : "corrupt-gzip" };
  return { bytes, text, more: more || !whole, code: trouble && whole && !more ? "truncated-gzip" : "" };
}

// --- findings ------------------------------------------------------------------------------------

function escape(text) {
  return Array.from(text, (c) => {
    if (c === " " || !/[\p{C}\p{Z}]/u.test(c)) return c;
    const short = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }[c];
    const code = c.codePointAt(0).toString(16);
    const [mark, width] = code.length <= 2 ? ["\\x", 2] : code.length <= 4 ? ["\\u", 4] : ["\\U", 8];
    return short ?? mark + code.padStart(width, "0");
  }).join("");
}

function show(raw) {
  const bytes = typeof raw === "string" ? encoder.encode(raw) : raw;
  return escape(lenient.decode(bytes.subarray(0, TEXT_SHOWN))) + (bytes.length > TEXT_SHOWN ? "…" : "");
}

class Findings {
  constructor(rules) {
    this.rules = rules;
    this.kept = [];
    this.counts = new Map();
    this.errors = 0;
  }

  count(code) {
    return this.counts.get(code) ?? 0;
  }

  add(code, line = 0, raw = "", facts = {}) {
    const [severity, message, fix] = this.rules.words[code];
    this.counts.set(code, this.count(code) + 1);
    if (this.count(code) <= SHOWN_PER_CODE) {
      const fill = (words) => words.replace(/\{(\w+)(:,)?\}/g, (_, name, grouped) => (grouped ? thousands(facts[name]) : facts[name]));
      this.kept.push({ code, severity, line, text: show(raw), message: escape(fill(message)).trim(), fix: escape(fill(fix)).trim() });
    }
    if (severity === "error" && ++this.errors >= this.rules.limits.errors) throw new Over();
  }

  /** Note an error after which nothing more can be read. */
  refuse(code, line, raw, facts) {
    this.add(code, line, raw, facts);
    throw new Over();
  }
}

// --- header and records, as annotations/genomics/preflight.py reads them -------------------------

const upper = (text) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
const sizeOf = (text) => encoder.encode(text).length;

class Reading {
  constructor(rules, references, chosen, findings) {
    this.rules = rules;
    this.findings = findings;
    this.reference = references.find(({ id, contigs }) => id === chosen && contigs.length) ?? null;
    this.names = this.reference ? namesOf(this.reference) : new Map();
    this.others = references.filter(({ id }) => id !== chosen).map((other) => [other.title, namesOf(other)]);
    this.lengths = new Map();
    this.ranks = new Map();
    this.skipped = new Set();
    this.begun = false;
    this.columns = null;
    this.records = 0;
    this.last = null;
    this.crowd = 0;
  }

  take(line, number, last) {
    if (this.columns === null) this.takeHeader(line, number);
    else if (line === "" || line.startsWith("#")) this.leaveOut(line, number);
    else {
      this.records += 1;
      this.check(line, number, last);
    }
  }

  leaveOut(line, number) {
    const { findings, rules } = this;
    findings.add(line ? "late-header" : "blank-line", number, line);
    const limit = rules.limits.stray_lines;
    if (findings.count("late-header") + findings.count("blank-line") > limit) findings.refuse("stray-lines", number, "", { limit });
  }

  takeHeader(line, number) {
    if (!line) return this.leaveOut(line, number);
    if (!line.startsWith("#")) return this.refuseStart(line, number);
    if (number === 1 && !line.startsWith("##fileformat=")) this.findings.add("no-fileformat", 1, line);
    this.begun = true;
    if (!line.startsWith("##")) return this.takeColumns(line, number);
    const contig = /^##contig=<(?:[^"]*,)?ID=([^,>]+)/.exec(line);
    if (contig) this.lengths.set(contig[1], /[<,]length=(\d+)/.exec(line)?.[1] ?? null);
  }

  refuseStart(line, number) {
    const fields = line.split("\t");
    if (this.begun || (fields.length >= 8 && /^\d+$/.test(fields[1]))) this.findings.refuse("no-columns", number, line);
    const facts = { kind: "text without a VCF header", advice: "Upload the VCF itself, with its header." };
    this.findings.refuse("not-vcf", number, line, facts);
  }

  takeColumns(line, number) {
    const named = (columns) => this.rules.columns.every((name, place) => columns[place] === name);
    this.columns = line.split("\t");
    if (!named(this.columns)) this.findings.refuse(named(line.split(BLANKS)) ? "spaces" : "columns", number, line);
    const samples = this.columns.slice(9);
    const twice = samples.find((name) => samples.indexOf(name) !== samples.lastIndexOf(name));
    if (new Set(samples).size < samples.length) this.findings.refuse("duplicate-samples", number, twice);
    for (const [name, length] of this.lengths) this.checkLength(name, length);
  }

  checkLength(name, length) {
    const contig = this.names.get(name);
    if (!contig || length === null || Number(length) === contig.length) return;
    const found = length.replace(/^0+(?=.)/, "");
    const facts = { name, found, expected: contig.length, reference: this.reference.title, reason: contig.traps[found] };
    this.findings.refuse(facts.reason ? "contig-trap" : "contig-length", 0, "", facts);
  }

  check(line, number, last) {
    const fields = line.split("\t");
    if (fields.length < 8 || fields.length !== this.columns.length) return this.refuseColumns(line, fields, number, last);
    const [chrom, digits, , ref, alt, qual] = fields;
    if (!this.enter(chrom, number)) return;
    if (!/^\d{1,10}$/.test(digits)) return this.findings.add("pos-format", number, digits);
    const pos = Number(digits);
    if (!this.fits(chrom, pos, ref, number)) return;
    this.checkAlleles(alt, number);
    if (qual !== "." && !NUMBER.test(qual)) return this.findings.add("qual-format", number, qual);
    if (!this.findings.errors) this.order(chrom, pos, number);
  }

  refuseColumns(line, fields, number, last) {
    if (fields.length === 1 && line.split(BLANKS).filter(Boolean).length >= 8) return this.findings.add("spaces", number, line);
    const facts = { found: fields.length, expected: this.columns.length };
    this.findings.add(last ? "truncated-text" : "few-columns", number, line, facts);
  }

  /** Whether the chosen reference has the sequence; without one, nothing more can be said. */
  enter(chrom, number) {
    if (!this.reference) return false;
    if (this.names.has(chrom)) {
      if (!this.ranks.has(chrom)) this.ranks.set(chrom, this.ranks.size);
      return true;
    }
    const name = show(chrom);
    if (!this.skipped.has(name) && this.skipped.size < this.rules.limits.skipped_names) {
      this.skipped.add(name);
      const facts = { name, reference: this.reference.title, advice: this.advise(name) };
      this.findings.add("skipped-contig", number, chrom, facts);
    }
    return false;
  }

  advise(name) {
    const other = this.others.find(([, names]) => names.has(name));
    if (other) return `To annotate these records, choose the reference ${other[0]}.`;
    return `It knows: ${[...this.names.keys()].slice(0, 8).join(", ")}.`;
  }

  fits(chrom, pos, ref, number) {
    const { length } = this.names.get(chrom);
    if (pos < 1 || pos > length - sizeOf(ref) + 1) {
      this.findings.add("pos-range", number, String(pos), { name: chrom, pos, last: pos + Math.max(sizeOf(ref), 1) - 1, length });
    } else if (!/^[ACGTN]+$/.test(upper(ref))) this.findings.add("ref-alphabet", number, ref);
    else return true;
    return false;
  }

  checkAlleles(alt, number) {
    const alleles = alt.split(","), limit = this.rules.limits.alts;
    if (alleles.length > limit) return this.findings.add("alt-count", number, alt, { found: alleles.length, limit });
    const sound = (allele) => allele === "." || allele === "*" || /^<.+>$/s.test(allele) || BREAKEND.test(allele) || /^[ACGTNRYKMSWBDHV]+$/i.test(allele);
    for (const allele of alleles) if (!sound(allele)) this.findings.add("alt-alphabet", number, allele);
  }

  order(chrom, pos, number) {
    const here = { rank: this.ranks.get(chrom), pos, place: `${chrom.slice(0, 40)}:${thousands(pos)}` };
    const before = this.last, limit = this.rules.limits.records_per_position;
    this.last = here;
    this.crowd = before && before.rank === here.rank && before.pos === pos ? this.crowd + 1 : 1;
    if (this.crowd > limit) this.findings.refuse("crowded-position", number, "", { limit });
    const late = before && (here.rank < before.rank || (here.rank === before.rank && pos < before.pos));
    if (late && !this.findings.count("unsorted")) this.findings.add("unsorted", number, "", { here: here.place, there: before.place });
  }
}

function tidy(raw, number, findings) {
  let bytes = raw;
  if (bytes.at(-1) === 13) {
    findings.add("crlf", number);
    while (bytes.at(-1) === 13) bytes = bytes.subarray(0, -1);
  }
  if (bytes.includes(13)) findings.refuse("binary", number, bytes);
  try {
    return strict.decode(bytes);
  } catch {
    findings.add("latin-1", number, bytes);
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}

// --- the whole -----------------------------------------------------------------------------------

function checkStart({ bytes, text }, rules, findings) {
  const blanks = [9, 10, 11, 12, 13, 32];
  const lower = (some) => some.map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));
  const head = Array.from(text.subarray(0, 64));
  const bare = lower(head.slice(head.findIndex((byte) => !blanks.includes(byte))));
  for (const [hex, code, kind] of rules.magic) {
    const magic = unhex(hex);
    if (code === "compression" && begins(bytes, magic)) findings.refuse(code, 0, "", { kind });
  }
  if (!text.length) return;
  if (begins(text, [0xff, 0xfe]) || begins(text, [0xfe, 0xff])) findings.refuse("encoding", 1);
  if (begins(text, [0x1f, 0x8b])) findings.refuse("double-gzip");
  for (const [hex, code, kind, advice] of rules.magic) {
    const magic = unhex(hex);
    const told = begins(text, magic) || begins(bare, lower(magic));
    if (code === "not-vcf" && told) findings.refuse(code, 1, text.subarray(0, 40), { kind, advice });
  }
}

function readLines(text, first, findings, reading) {
  let number = 0, place = 0;
  const nul = text.indexOf(0);
  if (!text.includes(10) && text.includes(13)) findings.refuse("old-mac", 1);
  if (nul >= 0) {
    const line = text.subarray(0, nul).reduce((lines, byte) => lines + (byte === 10), 1);
    findings.refuse("binary", line, text.subarray(Math.max(0, nul - 20), nul + 20));
  }
  for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, place)) {
    reading.take(tidy(text.subarray(place, end), ++number, findings), number, false);
    place = end + 1;
  }
  const rest = text.subarray(place);
  if (first.more) return;
  if (first.code) findings.refuse(first.code, 0, "", { records: reading.records });
  if (rest.length && first.unmarked) findings.refuse("truncated-bgzf", 0, "", { records: reading.records });
  if (first.unmarked) findings.add("no-end-marker");
  if (rest.length) {
    reading.take(tidy(rest, ++number, findings), number, true);
    if (!findings.errors) findings.add("no-final-newline", number);
  }
  conclude(findings, reading);
}

function conclude(findings, reading) {
  if (findings.errors) return;
  if (!reading.records) findings.add("no-records");
  else if (reading.reference && !reading.ranks.size) {
    const [name, ...more] = reading.skipped;
    const facts = { names: more.length ? `${name} and others` : name, reference: reading.reference.title, advice: reading.advise(name) };
    findings.add("unknown-contig", 0, "", facts);
  }
}

function examine(first, rules, references, chosen) {
  const findings = new Findings(rules);
  const reading = new Reading(rules, references, chosen, findings);
  try {
    checkStart(first, rules, findings);
    const marked = begins(first.text, [0xef, 0xbb, 0xbf]);
    if (!first.text.length && !first.more) findings.refuse(first.code || "empty-file", 0, "", { records: 0 });
    if (marked) findings.add("bom", 1);
    readLines(marked ? first.text.subarray(3) : first.text, first, findings, reading);
  } catch (error) {
    if (!(error instanceof Over)) throw error;
  }
  const order = ["error", "warning"];
  const found = findings.kept.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity) || a.line - b.line);
  return {
    findings: found,
    failed: findings.errors > 0,
    hopeless: found.some(({ code, severity }) => severity === "error" && !OF_REFERENCE.has(code)),
    records: reading.records,
    samples: Math.max(0, (reading.columns?.length ?? 0) - 9),
    whole: !first.more,
  };
}

/**
 * Look at a file: `rules` and `references` are what annotations/genomics/hints.py tells.
 * Returns the proposal, and `examine(id)`: what preflight would say with that reference.
 */
export async function look(file, rules, references) {
  const first = await start(file, rules);
  return {
    proposal: propose(lenient.decode(first.text), references),
    examine: (chosen) => examine(first, rules, references, chosen),
  };
}
