/** Whether a block of an Ethereum chain holds the checkpoint (docs/evidence.md, "How evidence is judged"). */

import type { AnchorVerdict, BlockVerdict, Held, Noted } from "./anchor-verdict.ts";
import type { BlockAnchor } from "./block-anchor.ts";
import { type Blocks, blocksSay, chainInWords, type Named, type Says } from "./blocks.ts";
import { type Checks, type Outcome, VerifyError } from "./checks.ts";
import { type BlockJudgement, type Header, judgeBlock, parseHeader, showBytes } from "./ethereum/index.ts";
import type { Evidence } from "./evidence.ts";
import { type About, type Behind, type LeftOut, type Made, noteWeighed, type Weighed, weigh } from "./judge-weigh.ts";
import { Timestamp } from "./rfc3161/index.ts";
import type { Chain, Trust } from "./trust.ts";

/** The checks of a block that may be left open: a verifier may accept any destination. */
const MAY_BE_OPEN: readonly string[] = ["destination", "time"];

/** What the checks of a block are about that are not about the record itself. */
const ABOUT: Readonly<Record<string, About>> = {
  header: "form",
  "block hash": "whose",
  destination: "terms",
  time: "terms",
};

/** What an anchor is judged by. */
export interface Under {
  readonly checkpoint: Uint8Array;
  readonly trust: Trust;
  readonly blocks: Blocks;
  readonly at: Timestamp;
}

/** What the sources together say of the block's hash. */
interface Standing {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly sources: readonly string[];
  readonly behind: Behind;
}

/** A block as it was judged. */
export interface JudgedBlock {
  readonly anchor: BlockAnchor;
  readonly chain: Chain | undefined;
  readonly header: Header | undefined;
  readonly judgement: BlockJudgement;
  readonly weighed: Weighed;
  readonly sources: readonly string[];
}

/** Makes the checks of a block. */
export function judgeBlockAnchor(anchor: BlockAnchor, { checkpoint, trust, blocks, at }: Under): JudgedBlock {
  const chain = trust.chains.find(({ chainId }) => chainId === anchor.chainId);
  const header = readHeader(anchor);
  const judgement = judgeBlock({
    record: anchor,
    checkpoint,
    blockHash: header?.hash,
    destination: chain?.destination,
    at: at.seconds > 0n ? at.seconds : 0n,
  });
  const standing = header && standingOf(named(header), anchor.chainId, chain, blocks);
  const weighed = weigh(madeOf(judgement, standing), standing?.behind ?? { who: "nobody" });
  return { anchor, chain, header, judgement, weighed, sources: standing?.sources ?? [] };
}

/** What a block counts by, where it holds; `place` is that of its anchor. */
export function heldByBlock({ anchor: { chainId }, chain, header, weighed }: JudgedBlock, place: number): Held[] {
  const latest = header && timeOf(header);
  return weighed.weight === "holds" && latest !== undefined
    ? [{ anchor: place, authority: called(chain, chainId), key: `chain ${chainId}`, latest }]
    : [];
}

/** What a chain is called: by the trust file's name, if it has one. */
function called(chain: Chain | undefined, chainId: bigint): string {
  return chain?.name ?? chainInWords(chainId);
}

/** Takes a block down, and gives what it came to. */
export function noteBlock(judged: JudgedBlock, name: string, checks: Checks, leftOut: LeftOut): Noted {
  const { anchor, chain, header, judgement, weighed, sources } = judged;
  noteWeighed(weighed, name, checks, leftOut);
  const { why } = weighed;
  const time = header && timeOf(header);
  const verdict: AnchorVerdict = {
    name,
    kind: anchor.kind,
    authority: chain?.name,
    root: undefined,
    genTime: time,
    latest: time,
    block: header && blockVerdict(header, anchor.chainId, judgement, sources),
    holds: why === undefined && time !== undefined,
    why,
  };
  return { verdict, caveats: verdict.holds ? caveatsOf(name, anchor.chainId) : [] };
}

function blockVerdict(
  { number, hash }: Header,
  chainId: bigint,
  { transaction }: BlockJudgement,
  sources: readonly string[],
): BlockVerdict {
  return {
    chainId,
    chain: chainInWords(chainId),
    number,
    hash: showBytes(hash),
    transaction: transaction && showBytes(transaction.hash),
    sources,
  };
}

function readHeader({ header }: BlockAnchor): Header | undefined {
  try {
    return parseHeader(header);
  } catch (error) {
    if (error instanceof VerifyError) {
      return undefined;
    }
    throw error;
  }
}

function named({ number, hash }: Header): Named {
  return { number, hash: showBytes(hash) };
}

/** The last second that has a time. */
const MAX_SECONDS = (1n << 63n) - 1n;

function timeOf({ timestamp }: Header): Timestamp | undefined {
  return timestamp > MAX_SECONDS ? undefined : Timestamp.fromSeconds(timestamp);
}

/** Its checks. The record names its own hash: whether to trust it is the verifier's to say. */
function madeOf({ checks }: BlockJudgement, standing: Standing | undefined): Made[] {
  return checks.list.map((check) => {
    const { outcome, reason } = check.name === "block hash" ? (standing ?? check) : check;
    const about = ABOUT[check.name] ?? "itself";
    return { name: check.name, outcome, reason, about, mayBeOpen: MAY_BE_OPEN.includes(check.name) };
  });
}

/** A source that contradicts outweighs all that trust the block; without any that trusts it, it is not known. */
function standingOf(block: Named, chainId: bigint, chain: Chain | undefined, blocks: Blocks): Standing {
  const ofTrust: (readonly [string, Says])[] =
    chain === undefined || chain.blocks.size === 0 ? [] : [["the trust file", chain.blocks.says(block)]];
  const all = [...ofTrust, ...blocksSay(blocks, chainId, block)];
  // Whose word is asked for the chain is named by whatever calls itself a block of it.
  const isNamed = chain !== undefined || all.some(([, { says }]) => says !== "nothing-of-chain");
  const behind: Behind = isNamed ? { who: "named", name: called(chain, chainId) } : { who: "nobody" };
  const sources: string[] = [];
  const silent: string[] = [];
  for (const [source, said] of all) {
    switch (said.says) {
      case "another":
        return { outcome: "failed", reason: `${source} ${said.what}`, sources: [], behind };
      case "trusted":
        sources.push(source);
        break;
      case "nothing":
      case "nothing-of-chain":
        silent.push(`${source} ${said.why}`);
    }
  }
  if (sources.length > 0) {
    const reason = `${block.hash}, trusted by ${sources.join(" and ")}`;
    return { outcome: "passed", reason, sources, behind: { who: "trusted" } };
  }
  const reason = [
    `nothing that is trusted says that block ${block.number} of ${chainInWords(chainId)} is ${block.hash}`,
    ...(chain === undefined ? ["the trust file has no [[ethereum]] for this chain"] : []),
    ...silent,
  ];
  return { outcome: "not-checked", reason: reason.join("; "), sources, behind };
}

/** Test networks: nothing of value holds their histories. */
const testNetworks: readonly bigint[] = [11_155_111n, 17_000n, 560_048n];

/** What a reader should know of a chain although its block holds. */
function caveatsOf(name: string, chainId: bigint): string[] {
  if (chainId === 31_337n) {
    return [
      `THE CHAIN OF ${name} IS A DEVELOPMENT CHAIN (31337): anybody makes its blocks, with any time. This anchor proves nothing to anybody but whoever runs that chain`,
    ];
  }
  return testNetworks.includes(chainId)
    ? [
        `the chain of ${name} is ${chainInWords(chainId)}: nothing of value holds its history, and it ends when its operators end it`,
      ]
    : [];
}

/** Makes the check `block hash`, where blocks were given one by one: each must be named here. It says nothing of whether an anchor holds. */
export function checkGiven({ anchors }: Evidence, { given }: Blocks, checks: Checks): void {
  if (given.hashes.length === 0) {
    return;
  }
  const blocks = new Map<string, string>();
  for (const anchor of anchors) {
    const header = anchor.kind === "ethereum" ? readHeader(anchor) : undefined;
    if (anchor.kind === "ethereum" && header !== undefined) {
      const hash = showBytes(header.hash);
      blocks.set(`${anchor.chainId} ${hash}`, hash);
    }
  }
  const found = [...blocks.values()];
  const missing = given.hashes.find((hash) => !found.includes(hash));
  if (missing === undefined) {
    const names = "each block that was given is one that an Ethereum anchor names, whether that anchor holds or not";
    checks.add("block hash", "passed", names);
    return;
  }
  const here =
    found.length === 0 ? "the evidence has no Ethereum anchor" : `its Ethereum anchors name ${found.join(", ")}`;
  const why = `expected an Ethereum anchor that names the block ${missing}, which was given; ${here}`;
  checks.add("block hash", "failed", why);
}
