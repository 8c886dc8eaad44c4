/** The witnesses of a log: the quorum as the reader's policy has it, with who cosigned this checkpoint, and what the log says of each. */

import type { QuorumMember } from "../engine/protocol.ts";
import { Sign } from "../marks.tsx";
import { plainLine } from "../plain.ts";
import { counted, duration, utcOf } from "../words.ts";
import type { WitnessStatus } from "./read.ts";

export function Witnesses({
  witnesses,
  quorum,
  now,
}: {
  witnesses: readonly WitnessStatus[];
  quorum: QuorumMember | undefined;
  now: number;
}) {
  return (
    <section aria-labelledby="witnesses-title">
      <h2 id="witnesses-title">Witnesses</h2>
      {quorum !== undefined && (
        <>
          <h3>The quorum, on this checkpoint</h3>
          <p class="quiet">As the policy that you trust asks for it. Each cosignature was verified here.</p>
          <ul class="quorum">
            <MemberView member={quorum} now={now} />
          </ul>
        </>
      )}
      <h3>As the log says</h3>
      {witnesses.length === 0 ? (
        <p>This log names no witnesses: nobody but itself vouches that it shows everybody the same entries.</p>
      ) : (
        <table class="parties">
          <caption class="sr">What each witness answers, as the log says</caption>
          <thead>
            <tr>
              <th scope="col">Witness</th>
              <th scope="col">Answers</th>
              <th scope="col" class="number">
                Cosigned
              </th>
              <th scope="col" class="number">
                Age
              </th>
            </tr>
          </thead>
          <tbody>
            {witnesses.map((witness) => (
              <tr key={witness.name}>
                <th scope="row">{witness.name}</th>
                <td>
                  <Sign outcome={witness.cosigns ? "passed" : "failed"} /> {witness.answer}
                </td>
                <td class="number">{witness.cosignedSize === undefined ? "–" : counted(witness.cosignedSize)}</td>
                <td class="number">{witness.cosignedAt === undefined ? "–" : duration(now - witness.cosignedAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function MemberView({ member, now }: { member: QuorumMember; now: number }) {
  const sign = <Sign outcome={member.isMet ? "passed" : "not-checked"} />;
  if (member.kind === "witness") {
    return (
      <li class="member">
        {sign} <strong>{plainLine(member.name)}</strong>{" "}
        <span class="quiet">
          {!member.isMet
            ? "has not cosigned this checkpoint"
            : member.at === undefined
              ? "cosigned"
              : `cosigned ${duration(now - Number(member.at))} ago, at ${utcOf(Number(member.at))}`}
          {" · "}
          {plainLine(member.key)}
        </span>
      </li>
    );
  }
  const met = member.members.filter(({ isMet }) => isMet).length;
  return (
    <li class="group">
      <p>
        {sign} <strong>{plainLine(member.name)}</strong>: {member.needed} of {member.members.length} needed, {met} there
      </p>
      <ul class="quorum">
        {member.members.map((one) => (
          <MemberView key={one.name} member={one} now={now} />
        ))}
      </ul>
    </li>
  );
}
