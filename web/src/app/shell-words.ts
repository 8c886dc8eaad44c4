/** Words of commands that people paste into a shell. Addresses and names are of others, and a shell must read nothing into them. */

/** What every POSIX shell takes as it stands. */
const plain = /^[A-Za-z0-9%+,./:=@_-]+$/;

/** One word of a shell: as it stands if it can, else in single quotes, in which nothing but their end is special. */
export function shellWord(text: string): string {
  return plain.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
