/** Values by key, in the order of their last use. Knows neither what the values are nor how they are released. */

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

  /** Returns the entry and makes it the most recently used. */
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

  /** Removes the entries that `matches` picks, except for the `keep` most recently used, and returns them. */
  take(keep: number, matches: (value: T) => boolean): T[] {
    const candidates = [...this.entries].filter(([, value]) => matches(value));
    const taken = candidates.slice(0, Math.max(0, candidates.length - keep));
    for (const [key] of taken) this.entries.delete(key);
    return taken.map(([, value]) => value);
  }
}
