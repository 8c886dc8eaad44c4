/** How things are written on the pages. */

const units = ["bytes", "KB", "MB", "GB", "TB"] as const;

/** A number of bytes, in thousands. */
export function bytesInWords(bytes: number): string {
  if (bytes === 1) {
    return "1 byte";
  }
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A whole number with its thousands apart. */
export function counted(value: number | bigint): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, " ");
}

/** How long, roughly: `3 min`. */
export function duration(seconds: number): string {
  const steps = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ] as const;
  for (const [length, unit] of steps) {
    if (seconds >= 2 * length) {
      return `${Math.floor(seconds / length)} ${unit}`;
    }
  }
  return `${Math.max(0, Math.round(seconds))} s`;
}

/** A time in Unix seconds, as `2026-11-21 10:57:03 UTC`. */
export function utcOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime())
    ? "an impossible time"
    : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export function plural(count: number | bigint, one: string, many = `${one}s`): string {
  return `${counted(count)} ${BigInt(count) === 1n ? one : many}`;
}

/** A long text, its middle left out. */
export function middle(text: string, keep: number): string {
  return text.length <= 2 * keep + 1 ? text : `${text.slice(0, keep)}…${text.slice(-keep)}`;
}

/** What an error says. */
export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
