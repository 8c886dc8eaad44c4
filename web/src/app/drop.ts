/** Files as they are given: dropped (folders, too), picked, or pasted. */

import { useEffect } from "preact/hooks";
import { type Given, MAX_FILES } from "./session.ts";

/** One more than are taken, so that whoever takes them sees that there are more. */
const MOST = MAX_FILES + 1;

/** What was dropped: files, those in folders included, or a text. The list of items is gone after the event, so it is read at once. */
async function dropped(transfer: DataTransfer): Promise<Given[]> {
  const entries = [...transfer.items].flatMap((item) => {
    const entry = item.kind === "file" ? item.webkitGetAsEntry() : null;
    return entry === null ? [] : [entry];
  });
  if (entries.length === 0) {
    const text = transfer.getData("text/plain");
    return text === "" ? picked(transfer.files) : [pasted(text)];
  }
  const given: Given[] = [];
  for (const entry of entries) {
    await walk(entry, given);
  }
  return given;
}

export function picked(files: FileList | null): Given[] {
  return [...(files ?? [])].slice(0, MOST).map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

const PASTED = "pasted text";

/** A text as a file, so that it is looked at like one. */
export function pasted(text: string): Given {
  const whole = text.endsWith("\n") ? text : `${text}\n`;
  return { path: PASTED, file: new File([whole], PASTED) };
}

/** The one file that was given, to be looked for; else why there is none. */
export function oneFile(given: readonly Given[]): File | string {
  const [first, ...more] = given;
  if (first === undefined || first.path === PASTED) {
    return "That is no file: a text would be looked for with the end of line that it does not have.";
  }
  return more.length === 0 ? first.file : "One file at a time is looked for, and several were given.";
}

async function walk(entry: FileSystemEntry, given: Given[]): Promise<void> {
  if (given.length >= MOST) {
    return;
  }
  // By what they say of themselves: Chromium has no names for the classes.
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    given.push({ path: entry.fullPath.replace(/^\//, ""), file });
  } else if (isDirectory(entry)) {
    const reader = entry.createReader();
    for (;;) {
      // Some at a time, until there are none.
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) {
        return;
      }
      for (const one of some) {
        await walk(one, given);
      }
    }
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

/** What is dropped anywhere is given, and the browser does not open it. */
export function useDropped(add: (given: readonly Given[]) => void): void {
  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault();
    const drop = (event: DragEvent) => {
      event.preventDefault();
      if (event.dataTransfer !== null) {
        void dropped(event.dataTransfer).then(add);
      }
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  });
}

/** What is pasted outside of a field is given. Not where it would be asked about: a clipboard holds what was never meant for a log. */
export function usePasted(add: (given: readonly Given[]) => void): void {
  useEffect(() => {
    const paste = ({ target, clipboardData }: ClipboardEvent) => {
      const isField = target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;
      if (isField || clipboardData === null) {
        return;
      }
      const text = clipboardData.getData("text/plain");
      add(clipboardData.files.length > 0 ? picked(clipboardData.files) : text === "" ? [] : [pasted(text)]);
    };
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  });
}
