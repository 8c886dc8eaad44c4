/** The alarms, above every page. */

import { useEffect, useState } from "preact/hooks";
import { type Alarm, alarms } from "./alarms.ts";
import { download } from "./download.ts";
import { Sign } from "./marks.tsx";
import { plainLine } from "./plain.ts";
import { utcOf } from "./words.ts";

export function AlarmsView() {
  const [list, setList] = useState(alarms.list);
  useEffect(() => alarms.tell(() => setList(alarms.list)), []);
  return (
    <div role="alert">
      {list.map((alarm) => (
        <AlarmView key={alarm.reason} alarm={alarm} />
      ))}
    </div>
  );
}

function AlarmView({ alarm: { at, reason, before, now } }: { alarm: Alarm }) {
  return (
    <div class="notice bad">
      <p>
        <Sign outcome="failed" /> {utcOf(at)}: {plainLine(reason)}. Keep both checkpoints: where the log's signatures on
        them verify, they show anybody what it did.
      </p>
      <p class="acts">
        <button type="button" onClick={() => save(before, "checkpoint-before.txt")}>
          Save the one before
        </button>
        <button type="button" onClick={() => save(now, "checkpoint-after.txt")}>
          Save the one after
        </button>
      </p>
    </div>
  );
}

function save(note: Uint8Array, name: string): void {
  // A note is UTF-8, without which it would not have been read.
  download(new TextDecoder("utf-8", { ignoreBOM: true }).decode(note), "text/plain", name);
}
