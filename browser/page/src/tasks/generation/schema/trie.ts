/** Tokens by their bytes, so that those which begin alike are looked at together. Knows no schema. */

const NONE = -1;

/** Nodes are numbers; 0 is the root, which stands for no byte. */
export class Trie {
  /** The byte that leads to a node. */
  private readonly bytes: Uint8Array;
  private readonly firstChild: Int32Array;
  private readonly nextSibling: Int32Array;
  /** A token that ends at a node, and for each token another one that ends there. */
  private readonly token: Int32Array;
  private readonly nextToken: Int32Array;
  private size = 1;

  /** Of the tokens with these ids. */
  constructor(tokens: readonly Uint8Array[], ids: readonly number[]) {
    const most = ids.reduce((sum, id) => sum + (tokens[id] as Uint8Array).length, 1);
    this.bytes = new Uint8Array(most);
    this.firstChild = new Int32Array(most).fill(NONE);
    this.nextSibling = new Int32Array(most).fill(NONE);
    this.token = new Int32Array(most).fill(NONE);
    this.nextToken = new Int32Array(tokens.length).fill(NONE);
    for (const id of ids) {
      let node = 0;
      for (const byte of tokens[id] as Uint8Array) node = this.child(node, byte);
      this.nextToken[id] = this.token[node] as number;
      this.token[node] = id;
    }
  }

  /** Gives `found` the tokens whose bytes all follow `state`, with the state after them. `next` gives `null` where a byte does not. */
  walk<State>(state: State, next: (state: State, byte: number) => State | null, found: (id: number, state: State) => void): void {
    const nodes = [0];
    const states = [state];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const before = states.pop() as State;
      for (let id = this.token[node] as number; id !== NONE; id = this.nextToken[id] as number) found(id, before);
      for (let child = this.firstChild[node] as number; child !== NONE; child = this.nextSibling[child] as number) {
        const then = next(before, this.bytes[child] as number);
        if (then === null) continue;
        nodes.push(child);
        states.push(then);
      }
    }
  }

  private child(node: number, byte: number): number {
    let child = this.firstChild[node] as number;
    while (child !== NONE && this.bytes[child] !== byte) child = this.nextSibling[child] as number;
    if (child !== NONE) return child;
    const made = this.size;
    this.size += 1;
    this.bytes[made] = byte;
    this.nextSibling[made] = this.firstChild[node] as number;
    this.firstChild[node] = made;
    return made;
  }
}
