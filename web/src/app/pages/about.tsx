/** The about page: the log's keys and policy, what it answers, and how to check it with other means than this page. */

import "../about/about.css";
import { useState } from "preact/hooks";
import { toHex } from "../../verify/bytes.ts";
import { sha256 } from "../../verify/hash.ts";
import { endpoints } from "../about/api.ts";
import { Copyable } from "../about/copyable.tsx";
import { keysOf, type NamedKey } from "../about/policy.ts";
import { PLACEHOLDER, witnessCommands } from "../about/witness.ts";
import { ask } from "../engine/engine.ts";
import { get, policyOfLog } from "../log.ts";
import { plainLine, plainText } from "../plain.ts";
import { address } from "../routes.ts";
import { useAsync } from "../use-async.ts";
import { said } from "../words.ts";

/** Characters of a policy that are shown. */
const SHOWN = 20_000;

/** The verifier in one file is far smaller. */
const MAX_VERIFIER = 4 << 20;

export default function About() {
  const { value: policy, error } = useAsync(readPolicy, []);
  const base = new URL(".", document.baseURI).href;
  const keys = policy === undefined ? [] : keysOf(policy.text);
  return (
    <>
      <h1>About this log</h1>
      <p class="lead">
        A transparency log: entries are only ever added, everybody is shown the same ones, and whoever has a receipt can
        show, without the log and in years, that an entry was there.
      </p>
      {error !== undefined && <p class="notice bad">{plainLine(error)}</p>}
      <Keys keys={keys} />
      {policy !== undefined && <PolicySection text={policy.text} problem={policy.problem} words={policy.words} />}
      <Offline />
      <Api base={base} />
      {policy !== undefined && policy.problem === undefined && <RunWitness keys={keys} />}
    </>
  );
}

interface PolicyRead {
  readonly text: string;
  readonly words: readonly string[];
  /** Why it is no policy, if it is none. */
  readonly problem: string | undefined;
}

async function readPolicy(): Promise<PolicyRead> {
  const text = await policyOfLog();
  try {
    const { trusted } = await ask({ op: "trust", text });
    return { text, words: trusted, problem: undefined };
  } catch (error) {
    return { text, words: [], problem: said(error) };
  }
}

function Keys({ keys }: { keys: readonly NamedKey[] }) {
  return (
    <section aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <p>
        As the log names them. Compare them with what its operator and its witnesses publish elsewhere, before you{" "}
        <a href={address("verify")}>trust them</a>: whoever shows you a false log can show you false keys with it.
      </p>
      <dl class="facts keys">
        {keys.map(({ kind, name, vkey, url }) => (
          <div key={vkey}>
            <dt>
              {kind === "log" ? "The log" : "Witness"} <strong>{name}</strong>
            </dt>
            <dd>
              <Copyable text={vkey} label={`the key of ${name}`} />
              {url !== undefined && <small>{url}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function PolicySection({
  text,
  problem,
  words,
}: {
  text: string;
  problem: string | undefined;
  words: readonly string[];
}) {
  return (
    <section aria-labelledby="policy-title">
      <h2 id="policy-title">Policy</h2>
      <p>Which signatures a checkpoint needs, before this log publishes it:</p>
      {problem !== undefined && <p class="notice bad">This is no policy: {plainLine(problem)}</p>}
      <ul>
        {words.map((line) => (
          <li key={line}>{plainLine(line)}</li>
        ))}
      </ul>
      <details>
        <summary>The policy file</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
        <pre tabIndex={0} dir="ltr">
          {plainText(text.slice(0, SHOWN))}
        </pre>
      </details>
      <p>
        <a href="policy" download="policy">
          Keep it as a file
        </a>
        , for <code>--policy</code> of the command line.
      </p>
    </section>
  );
}

function Offline() {
  const [hash, setHash] = useState<string>();
  const measure = async () => {
    try {
      setHash(toHex(sha256(await get("verifier.html", MAX_VERIFIER))));
    } catch (error) {
      setHash(said(error));
    }
  };
  return (
    <section aria-labelledby="offline-title">
      <h2 id="offline-title">Without this log</h2>
      <p>
        This page comes from the log that it judges. Whoever does not want to rely on that keeps the verifier as one
        file, or has it from somebody else, and opens it without a network. It shows the same verdicts as the command
        line, which is written by other code.
      </p>
      <p class="acts">
        <a class="button" href="verifier.html" download="verifier.html">
          Keep the verifier
        </a>
        <button type="button" onClick={() => void measure()}>
          Show its SHA-256
        </button>
        <span role="status">{hash !== undefined && <code>{plainLine(hash)}</code>}</span>
      </p>
      <Commands lines={["counterfoil verify FILE --policy POLICY", "counterfoil audit LOG --policy POLICY"]} />
    </section>
  );
}

function Api({ base }: { base: string }) {
  return (
    <section aria-labelledby="api-title">
      <h2 id="api-title">What it answers</h2>
      <p>
        Over HTTP, anybody may read. Formats are those of <a href="https://c2sp.org/">C2SP</a>, so that other software
        reads this log, too. The server describes all of it in <code>/openapi.json</code>, which is above the prefix of
        the log.
      </p>
      <dl class="api">
        {endpoints.map(({ method, path, what, example }) => (
          <div key={path}>
            <dt>
              <code>
                {method} {path}
              </code>
            </dt>
            <dd>
              {what}
              <code class="example">{example(base)}</code>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function RunWitness({ keys }: { keys: readonly NamedKey[] }) {
  const commands = witnessCommands(keys);
  return (
    <section aria-labelledby="witness-title">
      <h2 id="witness-title">Run a witness</h2>
      <p>
        A witness cosigns what a log publishes, and only if it continues what it cosigned before. So the log can show
        nobody another history. It needs a key, a disk, and to be reached; it keeps a few hundred bytes for each log.
      </p>
      <Commands lines={commands} />
      {commands.some((line) => line.endsWith(PLACEHOLDER)) && (
        <p>
          <code>{PLACEHOLDER}</code> stands for the log's key: none is named, or its name has what a shell may read as
          something else.
        </p>
      )}
      <p>
        Then give the log's operator the witness's keys and its URL, for the policy. Any other software that speaks C2SP
        tlog-witness does as well.
      </p>
    </section>
  );
}

function Commands({ lines }: { lines: readonly string[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <pre tabIndex={0} dir="ltr">
      {lines.join("\n")}
    </pre>
  );
}
