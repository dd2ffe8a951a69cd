/**
 * Tokens in the order of their scores, without sorting a vocabulary: only as much of the order as is asked for. Of equal
 * scores the smaller id comes first. Knows nothing of what the scores are.
 */

type Before = (a: number, b: number) => boolean;

/** Moves the entry at `place` down to where no entry below it comes before it. */
function sift(heap: Int32Array, size: number, place: number, before: Before): void {
  const entry = heap[place] as number;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= size) break;
    if (child + 1 < size && before(heap[child + 1] as number, heap[child] as number)) child += 1;
    if (!before(heap[child] as number, entry)) break;
    heap[place] = heap[child] as number;
    place = child;
  }
  heap[place] = entry;
}

function heapify(heap: Int32Array, size: number, before: Before): void {
  for (let place = (size >> 1) - 1; place >= 0; place--) sift(heap, size, place, before);
}

const higher =
  (scores: Float32Array): Before =>
  (a, b) =>
    (scores[a] as number) > (scores[b] as number) || (scores[a] === scores[b] && a < b);

/** The `count` ids with the greatest scores, the greatest first; all of them where there are no more. */
export function largest(scores: Float32Array, count: number): Int32Array {
  const size = Math.min(count, scores.length);
  const before = higher(scores);
  const after: Before = (a, b) => before(b, a);
  const heap = Int32Array.from({ length: size }, (_, id) => id);
  // The least of those that are kept is at the root, and goes when one comes that is greater.
  heapify(heap, size, after);
  for (let id = size; id < scores.length && size > 0; id++) {
    if (!before(id, heap[0] as number)) continue;
    heap[0] = id;
    sift(heap, size, 0, after);
  }
  for (let rest = size - 1; rest > 0; rest--) {
    const least = heap[0] as number;
    heap[0] = heap[rest] as number;
    heap[rest] = least;
    sift(heap, rest, 0, after);
  }
  return heap;
}

/** Gives the first `size` of `ids` one after the other, that with the greatest score first. The array is the room for it. */
export function* descending(scores: Float32Array, ids: Int32Array, size: number): Generator<number, void> {
  const before = higher(scores);
  heapify(ids, size, before);
  for (let left = size; left > 0; left--) {
    const first = ids[0] as number;
    ids[0] = ids[left - 1] as number;
    sift(ids, left - 1, 0, before);
    yield first;
  }
}
