/** float16 to float32. Not every browser has `Float16Array`. Knows bits, not tensors. */

/** Widens the bits of IEEE 754 halves. The result is exact: every half is a float32. */
export function widen(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(halves.length);
  const words = new Uint32Array(floats.buffer);
  halves.forEach((half, i) => {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) {
      // Zero and the subnormals, which are multiples of 2^-24.
      floats[i] = fraction * 2 ** -24;
      words[i] = (words[i] as number) | sign;
    } else {
      // Infinity and NaN keep an exponent of all ones. The others change their bias from 15 to 127.
      words[i] = sign | ((exponent === 0x1f ? 0xff : exponent + 112) << 23) | (fraction << 13);
    }
  });
  return floats;
}
