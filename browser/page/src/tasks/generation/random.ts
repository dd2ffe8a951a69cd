/**
 * Random numbers that are the same in every browser: sfc32, of Chris Doty-Humphrey's PractRand, seeded as there. Knows no
 * tokens.
 */

/** Rounds after which words that were alike no longer are. */
const ROUNDS = 15;

/** Numbers in [0, 1), of 53 random bits each. Equal seeds and streams give equal ones; other streams give others. */
export function random(seed: number, stream: number): () => number {
  let [a, b, c, counter] = [seed | 0, stream | 0, 0x9e3779b9 | 0, 1];
  const next = (): number => {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    return word >>> 0;
  };
  for (let round = 0; round < ROUNDS; round++) next();
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}
