/** UTF-8 a byte at a time. Knows no tokens. */

/** Between two characters. */
export const START = 0;
/** After a byte that cannot stand where it did. */
export const WRONG = -1;

/** The bounds of a byte in the middle of a character, and the state after it. As table 3-7 of Unicode's chapter 3. */
const MIDDLE: ReadonlyArray<readonly [least: number, most: number, then: number]> = [
  [0, 0, WRONG],
  // One, two or three bytes are left.
  [0x80, 0xbf, 0],
  [0x80, 0xbf, 1],
  [0x80, 0xbf, 2],
  // After E0, ED, F0 and F4.
  [0xa0, 0xbf, 1],
  [0x80, 0x9f, 1],
  [0x90, 0xbf, 2],
  [0x80, 0x8f, 2],
];

/** The state after a byte. */
export function after(state: number, byte: number): number {
  if (state > START) {
    const [least, most, then] = MIDDLE[state] as readonly [number, number, number];
    return byte >= least && byte <= most ? then : WRONG;
  }
  if (state === WRONG || (byte >= 0x80 && byte < 0xc2) || byte > 0xf4) return WRONG;
  if (byte < 0x80) return START;
  if (byte < 0xe0) return 1;
  if (byte < 0xf0) return byte === 0xe0 ? 4 : byte === 0xed ? 5 : 2;
  return byte === 0xf0 ? 6 : byte === 0xf4 ? 7 : 3;
}
