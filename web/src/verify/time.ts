/** Times in words. */

const DAY = 86_400n;

/** The calendar repeats every 400 years, which are so many days. */
const CYCLE = 146_097n;

/** A time in Unix seconds, not negative, as `2026-11-21 10:57:03 UTC`. */
export function utc(seconds: bigint): string {
  const days = seconds / DAY;
  // Within the first 400 years, which the language's own dates have; the year is then moved on.
  const rest = (days % CYCLE) * DAY + (seconds % DAY);
  const [date = "", time = ""] = new Date(Number(rest) * 1000).toISOString().split("T");
  const year = BigInt(date.slice(0, 4)) + 400n * (days / CYCLE);
  return `${year.toString().padStart(4, "0")}${date.slice(4)} ${time.slice(0, 8)} UTC`;
}
