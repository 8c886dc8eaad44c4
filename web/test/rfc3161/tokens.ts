import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { VerifyError } from "../../src/verify/checks.ts";
import { readPem } from "../../src/verify/pem.ts";
import { Certificate, judgeToken, tokenInResponse } from "../../src/verify/rfc3161/index.ts";
import { vectors } from "../vectors.ts";

/** A row of the index of tokens that production and test authorities made, with what others say of each. */
export interface Row {
  readonly file: string;
  /** What OpenSSL and others say of it. */
  readonly class: string;
  readonly signature: string;
  readonly encoding: string;
  readonly token: Uint8Array;
  readonly roots: readonly Certificate[];
  readonly extra: readonly Certificate[];
}

/** All rows; none where the vectors are not there. */
export const rows: readonly Row[] = vectors === undefined ? [] : read(resolve(vectors, "rfc3161"));

function read(folder: string): Row[] {
  const [names = "", ...lines] = readFileSync(resolve(folder, "INDEX.tsv"), "utf8").trimEnd().split("\n");
  const columns = names.split("\t");
  const chains = new Map<string, readonly Certificate[]>();
  const chain = (name: string) => {
    const known = chains.get(name) ?? certificates(resolve(folder, "chains", name));
    chains.set(name, known);
    return known;
  };
  return lines.map((line) => {
    const values = line.split("\t");
    const value = (name: string) => values[columns.indexOf(name)] ?? "";
    const bytes = new Uint8Array(readFileSync(resolve(folder, value("file").replace(/^share\//, ""))));
    return {
      file: value("file"),
      class: value("class"),
      signature: value("sig_alg"),
      encoding: value("encoding"),
      token: value("kind") === "resp" ? tokenOrAll(bytes) : bytes,
      roots: chain(`${value("chain_file")}-anchor.pem`),
      extra: chain(`${value("chain_file")}-untrusted.pem`),
    };
  });
}

/** What is no response is judged as it is, and is no token either. */
function tokenOrAll(bytes: Uint8Array): Uint8Array {
  try {
    return tokenInResponse(bytes);
  } catch (error) {
    if (error instanceof VerifyError) {
      return bytes;
    }
    throw error;
  }
}

/** The certificates of a file that can be read; none if there is no such file. */
function certificates(path: string): Certificate[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return text.split(/(?<=-----END CERTIFICATE-----)/).flatMap((block) => {
    try {
      return readPem(block).map((der) => Certificate.parse(der));
    } catch (error) {
      if (error instanceof VerifyError) {
        return [];
      }
      throw error;
    }
  });
}

/** Judges a token by the row's trust. */
export function judge(row: Row, token: Uint8Array, imprint?: { algorithm: string; digest: Uint8Array }) {
  const { roots, extra } = row;
  return judgeToken({ token, covers: imprint && { imprint }, roots, extra });
}
