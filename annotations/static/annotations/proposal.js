// Which reference a file was probably made with: the rule of annotations/genomics/proposal.py, but
// for the bases, which a browser does not have. The tests run both on the same headers.

const CONTIG = /^##contig=<(?:[^"]*,)?ID=([^,>]+)/;
const LENGTH = /[<,]length=([0-9]{1,12})(?![0-9])/;
const POS = /^[0-9]{1,10}$/;

export const thousands = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

/** Every name that a contig of a reference goes by, with the contig. */
export function namesOf(reference) {
  return new Map(reference.contigs.flatMap((contig) => [contig.name, ...contig.aliases].map((name) => [name, contig])));
}

const fits = (contig, length) => contig !== undefined && (length === null || length === contig.length);

function declaredIn(lines) {
  const declared = new Map();
  for (const line of lines) {
    const match = CONTIG.exec(line);
    if (match) declared.set(match[1], line.match(LENGTH) ? Number(line.match(LENGTH)[1]) : null);
  }
  return declared;
}

function byContigs(declared, known) {
  const found = [...declared];
  const own = found.length && known.find(({ names }) => found.every(([name, length]) => fits(names.get(name), length)));
  if (!own) return null;
  const [name, length] = found[0];
  const size = length ? ` of ${thousands(length)} bases` : "";
  const rest = found.length > 1 ? `, and ${thousands(found.length - 1)} more of this reference` : "";
  return { reference: own.id, reason: `The header declares the contig ${name}${size}${rest}.` };
}

function byRecords(records, known) {
  const holds = ({ names }) => records.every(([chrom, pos]) => names.has(chrom) && Number(pos) <= names.get(chrom).length);
  const own = records.length && known.find(holds);
  if (!own) return null;
  const others = records.some(([chrom]) => chrom !== records[0][0]) ? " and others" : "";
  return { reference: own.id, reason: `The first ${thousands(records.length)} record(s) are on ${records[0][0]}${others}.` };
}

function trapped(declared, known) {
  for (const [name, length] of declared) {
    for (const { names } of known) {
      const why = length && names.get(name)?.traps[length];
      if (why) return `The header's ${name} does not fit: ${why}.`;
    }
  }
  return "";
}

function unfit(declared, known) {
  for (const [name, length] of declared) {
    const found = known.filter(({ names }) => names.has(name));
    if (!found.length) return `The header declares contigs that no reference here has, such as ${name}.`;
    if (!found.some(({ names }) => fits(names.get(name), length))) {
      return `The header gives ${name} ${thousands(length)} bases, which it has in no reference here.`;
    }
  }
  return declared.size ? "No reference here has all the contigs that the header declares." : "";
}

/** Propose one of `references` for the start of a VCF, as text: `{ reference, reason }`, or null and why. */
export function propose(text, references) {
  const lines = text.replaceAll("\r", "").split("\n");
  const declared = declaredIn(lines);
  const rows = lines.slice(0, -1).filter((line) => line && !line.startsWith("#")).map((line) => line.split("\t"));
  const records = rows.filter((fields) => fields.length >= 5 && POS.test(fields[1]));
  const known = references.map((reference) => ({ id: reference.id, names: namesOf(reference) }));
  const nothing = "Neither the header nor the first records name a contig of a reference here.";
  return byContigs(declared, known) ?? byRecords(records, known)
    ?? { reference: null, reason: trapped(declared, known) || unfit(declared, known) || nothing };
}
