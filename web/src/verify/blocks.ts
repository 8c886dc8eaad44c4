/**
 * Which blocks of Ethereum chains a verifier trusts: lists of their hashes, and hashes that were given one by one. Nothing of it ever comes
 * from evidence; docs/evidence.md says what each makes of an anchor.
 *
 * ```text
 * chain 1                                       # the blocks below are of this chain; before the first such line: of any
 * 23000000 0x6a3e…                              # a block by its number and hash
 * 0x6a3e…                                       # a block by its hash
 * ```
 */

import { fromDecimal, fromHex, fromUtf8, toHex } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { MAX_NUMBER } from "./parts.ts";
import { shown } from "./words.ts";

/** The most blocks of a list. */
export const MAX_BLOCKS = 32_768;

/** The largest file of a list: the most blocks, and as much again of comments. */
const MAX_LIST_SIZE = 8 << 20;

/** A block as its header has it, its hash as `0x` and lower-case hexadecimal. */
export interface Named {
  readonly number: bigint;
  readonly hash: string;
}

/**
 * What a source says of a block: that it is of the chain and final, that another block has its place, nothing although it speaks of blocks of
 * that chain, or nothing of any block of that chain; and why.
 */
export type Says =
  | { readonly says: "trusted" }
  | { readonly says: "another"; readonly what: string }
  | { readonly says: "nothing"; readonly why: string }
  | { readonly says: "nothing-of-chain"; readonly why: string };

const trusted: Says = { says: "trusted" };

/** Reads `0x` and so many bytes in hexadecimal of either case. */
export function fromPrefixedHex(text: string, size: number): Uint8Array | undefined {
  return text.startsWith("0x") ? fromHex(text.slice(2).toLowerCase(), size) : undefined;
}

/** Reads the hash of a block, `0x` and 64 hexadecimal digits of either case. */
export function readBlockHash(text: string): string | undefined {
  const hash = fromPrefixedHex(text, 32);
  return hash && `0x${toHex(hash)}`;
}

/** A number in its one spelling. */
function readNumber(text: string): bigint | undefined {
  const number = fromDecimal(text);
  return number !== undefined && number <= MAX_NUMBER ? number : undefined;
}

function wordsOf(line: string): string[] {
  return line.split(/[ \t]/).filter((word) => word !== "");
}

/** Blocks of one chain that are trusted. */
export class BlockList {
  readonly #hashes = new Map<string, bigint | undefined>();
  readonly #numbers = new Map<bigint, string>();

  /** How many there are. */
  get size(): number {
    return this.#hashes.size;
  }

  /** Takes a block as a line names it. */
  take(line: string): void {
    const words = wordsOf(line);
    const hash = words.length <= 2 ? readBlockHash(words.at(-1) ?? "") : undefined;
    const number = words.length === 2 ? readNumber(words[0] ?? "") : undefined;
    if (hash === undefined || (number === undefined && words.length === 2)) {
      throw new VerifyError(`expected 0x and 64 hexadecimal digits, or a number and that, got ${shown(line)}`);
    }
    if (number !== undefined) {
      const known = this.#numbers.get(number) ?? hash;
      if (known !== hash) {
        throw new VerifyError(`expected one hash for the block ${number}, got ${known} and ${hash}`);
      }
      this.#numbers.set(number, hash);
    }
    const known = this.#hashes.get(hash);
    if (known !== undefined && number !== undefined && known !== number) {
      throw new VerifyError(`expected one number for the block ${hash}, got ${known} and ${number}`);
    }
    this.#hashes.set(hash, known ?? number);
    if (this.size > MAX_BLOCKS) {
      throw tooMany();
    }
  }

  /** What it says of a block. */
  says({ number, hash }: Named): Says {
    const listed = this.#numbers.get(number);
    if (listed !== undefined && listed !== hash) {
      return { says: "another", what: `names block ${number} as ${listed}, not as ${hash}` };
    }
    const other = this.#hashes.get(hash);
    if (other !== undefined && other !== number) {
      const what = `gives ${hash} the number ${other}, and by its header it is block ${number}`;
      return { says: "another", what };
    }
    return this.#hashes.has(hash) ? trusted : { says: "nothing", why: `does not name block ${number}, ${hash}` };
  }
}

function tooMany(): VerifyError {
  return new VerifyError(`expected at most ${MAX_BLOCKS} blocks, got more`);
}

/** Blocks of one chain or several, from a file. */
export class BlockFile {
  /** What results call it. */
  readonly source: string;
  /** Those of whichever chain under undefined. */
  readonly #chains = new Map<bigint | undefined, BlockList>();

  private constructor(source: string) {
    this.source = source;
  }

  /** Reads a file: a block on a line, `#` before comments. */
  static parse(source: string, bytes: Uint8Array): BlockFile {
    const text = bytes.length > MAX_LIST_SIZE ? undefined : fromUtf8(bytes);
    if (text === undefined) {
      throw new VerifyError(`expected UTF-8 of at most ${MAX_LIST_SIZE} bytes`);
    }
    const file = new BlockFile(source);
    let chain: bigint | undefined;
    let count = 0;
    for (const whole of text.split(/\r?\n/)) {
      const [line = ""] = whole.split("#", 1);
      const [first, second, third] = wordsOf(line);
      if (first === "chain" && second !== undefined && third === undefined) {
        chain = readNumber(second);
        if (chain === undefined || chain === 0n) {
          throw new VerifyError(`expected the number of a chain, from 1 to ${MAX_NUMBER}, got ${shown(second)}`);
        }
      } else if (first !== undefined) {
        const list = file.#chains.get(chain) ?? new BlockList();
        count -= list.size;
        list.take(line);
        count += list.size;
        file.#chains.set(chain, list);
      }
      if (count > MAX_BLOCKS) {
        throw tooMany();
      }
    }
    return file;
  }

  /** How many there are. */
  get size(): number {
    return [...this.#chains.values()].reduce((sum, list) => sum + list.size, 0);
  }

  /** What it says of a block. Blocks of whichever chain speak of none, but where they are about this one. */
  says(chainId: bigint, block: Named): Says {
    const nothing = this.#chains.has(chainId) ? "nothing" : "nothing-of-chain";
    let said: Says = { says: nothing, why: `does not name block ${block.number}` };
    for (const chain of [undefined, chainId]) {
      const list = this.#chains.get(chain)?.says(block);
      if (list?.says === "another") {
        return list;
      }
      said = list?.says === "trusted" ? list : said;
    }
    return said;
  }
}

/** What a verifier trusts of blocks beside the trust file. The page asks no node. */
export interface Blocks {
  /** Blocks that were given one by one, each of which must be in the evidence: their hashes, and what results call their giving. */
  readonly given: { readonly source: string; readonly hashes: readonly string[] };
  readonly lists: readonly BlockFile[];
}

/** What each source says of a block, with what it is called. */
export function blocksSay({ given, lists }: Blocks, chainId: bigint, block: Named): (readonly [string, Says])[] {
  const listed = lists.map((list) => [list.source, list.says(chainId, block)] as const);
  return given.hashes.includes(block.hash) ? [[given.source, trusted], ...listed] : listed;
}

/** The sources, in words. */
export function blocksInWords({ given, lists }: Blocks): string[] {
  return [
    ...given.hashes.map((hash) => `the block ${hash} (${given.source})`),
    ...lists.map(({ source }) => `the blocks that ${source} names`),
  ];
}

const chainNames: ReadonlyMap<bigint, string> = new Map([
  [1n, "Ethereum mainnet"],
  [11_155_111n, "the test network Sepolia"],
  [17_000n, "the test network Holesky"],
  [560_048n, "the test network Hoodi"],
  [31_337n, "a development chain"],
]);

/** What people call a chain. */
export function chainInWords(chainId: bigint): string {
  const name = chainNames.get(chainId);
  return name === undefined ? `the chain ${chainId}` : `${name} (chain ${chainId})`;
}
