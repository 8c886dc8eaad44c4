/** Trust as a text that its user can read, change and keep: a trust file (docs/evidence.md) is written around what is there. */

/** The text with a time-stamping authority added, whose tokens lead to these roots. */
export function withRoots(text: string, pem: string, fileName: string): string {
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Error(`${fileName} holds no certificate in PEM`);
  }
  const file = /^\s*format\s*=/m.test(text) ? text : trustFile(text);
  const table = ["", "[[tsa]]", `name = "${freeName(file, fileName)}"`, `roots = ${literal(pem)}`, ""];
  return `${file.trimEnd()}\n${table.join("\n")}`;
}

/** A trust file of a policy, or of keys. */
function trustFile(text: string): string {
  const isPolicy = /^\s*(log|witness|group|quorum)\s/m.test(text);
  const keys = text.split("\n").filter((line) => line.trim() !== "");
  const policy = isPolicy ? text : `${keys.map((key) => `log ${key.trim()}\n`).join("")}quorum none\n`;
  return `format = "counterfoil/trust@v1"\n\nmin_anchors = 1\n\npolicy = ${literal(policy)}\n`;
}

/** A TOML literal string of several lines, which has no escapes. */
function literal(text: string): string {
  if (text.includes("'''")) {
    throw new Error("the text holds ''' and cannot be put into a trust file");
  }
  return `'''\n${text.trimEnd()}\n'''`;
}

/** A name that no authority has yet, from that of the file. */
function freeName(file: string, fileName: string): string {
  const plain = fileName
    .toLowerCase()
    .replace(/\.[a-z]+$/, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 30);
  const base = plain === "" ? "tsa" : plain;
  let name = base;
  for (let number = 2; file.includes(`name = "${name}"`); number++) {
    name = `${base}-${number}`;
  }
  return name;
}

/** The text of a file. What is not UTF-8 is refused: what its user reads must be what counts. */
export async function readText(file: Blob, maxBytes: number): Promise<string> {
  if (file.size > maxBytes) {
    throw new Error(`expected a file of at most ${maxBytes} bytes, got ${file.size}`);
  }
  const bytes = await file.arrayBuffer();
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error("the file is no text in UTF-8");
  }
}
