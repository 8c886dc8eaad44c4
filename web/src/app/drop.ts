/** Files as they are given: dropped (folders, too), picked, or pasted. */

import { useEffect } from "preact/hooks";
import { type Given, MAX_FILES } from "./session.ts";

/** The files of a drop, those in folders included. The list of items is gone after the event, so it is read at once. */
export async function dropped(transfer: DataTransfer): Promise<Given[]> {
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
  return [...(files ?? [])].slice(0, MAX_FILES).map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** A text as a file, so that it is looked at like one. */
export function pasted(text: string): Given {
  const whole = text.endsWith("\n") ? text : `${text}\n`;
  return { path: "pasted text", file: new File([whole], "pasted text") };
}

async function walk(entry: FileSystemEntry, given: Given[]): Promise<void> {
  if (given.length >= MAX_FILES) {
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

/** Files that are dropped anywhere, or pasted outside of a field, are given, and the browser does not open them. */
export function useGivenAnywhere(add: (given: readonly Given[]) => void): void {
  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault();
    const drop = (event: DragEvent) => {
      event.preventDefault();
      if (event.dataTransfer !== null) {
        void dropped(event.dataTransfer).then(add);
      }
    };
    const paste = ({ target, clipboardData }: ClipboardEvent) => {
      const isField = target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;
      if (isField || clipboardData === null) {
        return;
      }
      const text = clipboardData.getData("text/plain");
      add(clipboardData.files.length > 0 ? picked(clipboardData.files) : text === "" ? [] : [pasted(text)]);
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    addEventListener("paste", paste);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
      removeEventListener("paste", paste);
    };
  });
}
