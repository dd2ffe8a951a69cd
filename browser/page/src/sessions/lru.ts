/** Things by key, in the order of their last use. What letting go means is the owner's business. */

export class Lru<T> {
  /** A Map keeps the order of insertion: the first entry is the least recently used. */
  private readonly entries = new Map<string, T>();

  get size(): number {
    return this.entries.size;
  }

  /** All entries, the least recently used first. */
  values(): T[] {
    return [...this.entries.values()];
  }

  /** Gives the entry and makes it the most recently used. */
  use(key: string): T | undefined {
    const value = this.entries.get(key);
    if (value !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, value);
    }
    return value;
  }

  add(key: string, value: T): void {
    this.entries.delete(key);
    this.entries.set(key, value);
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  /** Takes out, of the entries that `matches` picks, all but the `keep` most recently used. */
  take(keep: number, matches: (value: T) => boolean): T[] {
    const candidates = [...this.entries].filter(([, value]) => matches(value));
    const taken = candidates.slice(0, Math.max(0, candidates.length - keep));
    for (const [key] of taken) this.entries.delete(key);
    return taken.map(([, value]) => value);
  }
}
