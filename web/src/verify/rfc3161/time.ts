/** Times as certificates and tokens have them. */

import { VerifyError } from "../checks.ts";
import { noValue, type Reader, tag } from "./ber.ts";

const second = 1_000_000_000n;

/** The seconds of 400 years. */
const cycle = 146_097n * 86_400n;

/** A time in UTC, to the nanosecond. What is finer is cut off. */
export class Timestamp {
  /** Since the beginning of 1970. */
  readonly nanoseconds: bigint;

  private constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds;
  }

  static fromSeconds(seconds: bigint | number): Timestamp {
    return new Timestamp(BigInt(seconds) * second);
  }

  static fromDate(date: Date): Timestamp {
    return new Timestamp(BigInt(date.getTime()) * 1_000_000n);
  }

  /** RFC 3339 in UTC, as in `2033-01-31T00:00:00Z`. */
  static parse(text: string): Timestamp {
    const [, date, time, fraction] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)((?:\.\d+)?)Z$/.exec(text) ?? [];
    const digits = `${date}${time}`.replaceAll(/[-:]/g, "");
    const found = date === undefined ? undefined : civil(digits, fraction ?? "");
    if (found === undefined) {
      throw new VerifyError("expected a time in UTC as in 2033-01-31T00:00:00Z");
    }
    return found;
  }

  /** `YYYYMMDDhhmmss`, and nanoseconds. */
  static ofFields(fields: readonly number[], nanoseconds: bigint): Timestamp | undefined {
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, seconds = 0] = fields;
    const midnight = new Date(0);
    midnight.setUTCFullYear(year, month - 1, day);
    // Date carries what is too large over into the next month or year.
    const isDay = midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
    // A leap second is the first of the next minute to everybody who counts seconds.
    if (!isDay || hour > 23 || minute > 59 || seconds > 60) {
      return undefined;
    }
    const whole = BigInt(midnight.getTime() / 1_000 + hour * 3_600 + minute * 60 + seconds);
    return new Timestamp(whole * second + nanoseconds);
  }

  /** Whole seconds since the beginning of 1970, rounded down. */
  get seconds(): bigint {
    const rest = this.nanoseconds % second;
    return (this.nanoseconds - rest) / second - (rest < 0n ? 1n : 0n);
  }

  shifted(microseconds: bigint | number): Timestamp {
    return new Timestamp(this.nanoseconds + BigInt(microseconds) * 1_000n);
  }

  isBefore(other: Timestamp): boolean {
    return this.nanoseconds < other.nanoseconds;
  }

  isAfter(other: Timestamp): boolean {
    return this.nanoseconds > other.nanoseconds;
  }

  /** RFC 3339 in UTC. */
  toString(): string {
    const whole = this.seconds;
    // Within 400 years, after which the calendar repeats: the language has no dates from the year 275760 on.
    const within = ((whole % cycle) + cycle) % cycle;
    const [date = "", time = ""] = new Date(Number(within) * 1_000).toISOString().split("T");
    const year = BigInt(date.slice(0, 4)) + 400n * ((whole - within) / cycle);
    const shown = year < 0n ? `-${String(-year).padStart(3, "0")}` : String(year).padStart(4, "0");
    const rest = `${date.slice(4)}T${time.slice(0, 8)}`;
    const nanoseconds = this.nanoseconds - whole * second;
    const fraction = nanoseconds === 0n ? "" : `.${String(nanoseconds).padStart(9, "0").replace(/0+$/, "")}`;
    return `${shown}${rest}${fraction}Z`;
  }
}

function civil(digits: string, fraction: string): Timestamp | undefined {
  const fields = [digits.slice(0, 4), ...(digits.slice(4).match(/\d\d/g) ?? [])].map(Number);
  return Timestamp.ofFields(fields, BigInt(fraction.slice(1, 10).padEnd(9, "0")));
}

/** RFC 5280 section 4.1.2.5.1: `YYMMDDHHMMSSZ`, and two digits of a year from 50 are 19YY. */
function utcTime(content: Uint8Array): Timestamp | undefined {
  const text = String.fromCharCode(...content.subarray(0, 32));
  if (!/^\d{12}Z$/.test(text)) {
    return undefined;
  }
  return civil(`${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text.slice(0, 12)}`, "");
}

/** RFC 3161 section 2.4.2, X.690 section 11.7: `YYYYMMDDhhmmss[.s...]Z`. A comma, which X.680 has for the point, is in neither. */
export function generalizedTime(content: Uint8Array, what: string): Timestamp {
  const text = Array.from(content, (octet) => String.fromCharCode(octet)).join("");
  const [, digits, fraction] = /^(\d{14})((?:\.\d+)?)Z$/.exec(text) ?? [];
  const found = digits === undefined ? undefined : civil(digits, fraction ?? "");
  if (found === undefined) {
    throw noValue(what);
  }
  return found;
}

/** RFC 5280 section 4.1.2.5: the time that comes next, in either form. */
export function readTime(reader: Reader, what: string): Timestamp {
  const utc = reader.optional(tag.utcTime);
  if (utc === undefined) {
    return generalizedTime(reader.expect(tag.generalizedTime, what).content, what);
  }
  const found = utcTime(utc.content);
  if (found === undefined) {
    throw noValue(what);
  }
  return found;
}
