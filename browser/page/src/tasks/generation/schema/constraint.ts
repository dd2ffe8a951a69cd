/** Answers that are JSON of a schema: which tokens may follow. */

import { PageFault, textOf } from '../../../errors.js';
import type { Tensor } from '../../../link/frame.js';
import type { GenerateData } from '../../../protocol.js';
import { type Engine, type JSONSchema, engine } from '../../../runtime/structured-output.js';
import { Machine, type State } from './machine.js';
import { Vocabulary } from './vocabulary.js';

/** How much less likely white space is made by each token of it before, and how many may follow each other. As in transformers.js. */
const BLANK_PENALTY = 1.2;
const BLANKS_IN_A_ROW = 4;

/** States whose tokens are kept, and schemas of which they are. */
const MASKS = 128;
const SCHEMAS = 4;

/** The tokens that may follow a state. */
interface Mask {
  /** A bit for each token. */
  readonly bits: Uint32Array;
  /** Whether one of them is more than white space that changes nothing. */
  readonly leads: boolean;
}

/** A schema with the tokens of a model. */
class Grammar {
  private readonly masks = new Map<string, Mask>();

  constructor(
    readonly vocabulary: Vocabulary,
    readonly machine: Machine,
  ) {}

  /** The tokens that may follow a state. */
  mask(state: State): Mask {
    const key = this.machine.key(state);
    const known = key === null ? undefined : this.masks.get(key);
    if (known !== undefined) return known;
    const mask = this.made(state);
    if (key === null) return mask;
    const [oldest] = this.masks.keys();
    if (this.masks.size >= MASKS) this.masks.delete(oldest as string);
    this.masks.set(key, mask);
    return mask;
  }

  private made(state: State): Mask {
    const { all, special, characters, size } = this.vocabulary;
    const bits = new Uint32Array(Math.ceil(size / 32));
    let leads = false;
    const add = (id: number, then: State | null): void => {
      bits[id >>> 5] = (bits[id >>> 5] as number) | (1 << (id & 31));
      leads ||= then !== state;
    };
    const capacity = this.machine.capacity(state);
    if (capacity !== null) for (let id = 0; id < size; id++) if (characters[id] !== 0 && (characters[id] as number) <= capacity) add(id, null);
    (capacity === null ? all : special).walk(state, (before, byte) => this.machine.next(before, byte), add);
    return { bits, leads };
  }
}

/** What keeps one answer to a schema. */
export class Constraint {
  private state: State;
  /** Tokens of white space in a row that changed nothing. */
  private blanks = 0;

  constructor(
    private readonly grammar: Grammar,
    private readonly stops: ReadonlySet<number>,
  ) {
    this.state = grammar.machine.initial;
  }

  /** Takes out the tokens that may not follow. Throws where none may. */
  limit(scores: Float32Array): void {
    const { vocabulary, machine } = this.grammar;
    const { bits, leads } = this.grammar.mask(this.state);
    const complete = machine.accepts(this.state);
    const ends = complete ? Array.from(this.stops, (id) => [id, scores[id]] as const) : [];
    for (let id = 0; id < scores.length; id++) if ((((bits[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 0) scores[id] = -Infinity;
    for (const id of this.stops) if (id < scores.length) scores[id] = -Infinity;
    if (complete || this.blanks > 0)
      for (const id of vocabulary.blanks) {
        const score = scores[id] ?? 0;
        const penalty = BLANK_PENALTY ** this.blanks;
        scores[id] = complete || this.blanks >= BLANKS_IN_A_ROW ? -Infinity : score < 0 ? score * penalty : score / penalty;
      }
    for (const [id, score] of ends) if (score !== undefined) scores[id] = score;
    if (!(complete || leads) || scores.every((score) => score === -Infinity)) throw deadEnd();
  }

  /** The answer got this token. */
  add(id: number): void {
    if (this.stops.has(id)) return;
    const { vocabulary, machine } = this.grammar;
    let state: State | null = this.state;
    for (const byte of vocabulary.of(id)) state = state === null ? null : machine.next(state, byte);
    if (state === null) throw new TypeError(`token ${id} was chosen, which the schema does not allow`);
    this.blanks = state === this.state ? this.blanks + 1 : 0;
    this.state = machine.merged(state);
  }
}

const deadEnd = (): PageFault =>
  new PageFault('execution_failed', 'No token may follow: the answer is not complete, and no answer that begins like it keeps to the JSON schema.', {
    help: 'Simplify the schema: keywords that bind several values, such as oneOf, not, if, contains and uniqueItems, are looked at when a value ends.',
  });

/** The constraints of a request, one a row; `null` where there is no schema. */
export async function constraintsOf({ schema, stop_ids }: GenerateData, tensors: readonly Tensor[], rows: number): Promise<Constraint[] | null> {
  if (schema === null) return null;
  if (stop_ids.length === 0)
    throw new PageFault('bad_request', 'Expected with a schema at least one token that ends an answer, found none.', {
      help: 'Let the tokens of the model that end an answer do so.',
    });
  const grammar = grammarOf(await engine(), Vocabulary.from(tensors), schema);
  const stops = new Set(stop_ids);
  return Array.from({ length: rows }, () => new Constraint(grammar, stops));
}

/** The last schemas, by the vocabularies that they were asked with and their texts. */
const grammars = new WeakMap<Vocabulary, Map<string, Grammar>>();

/** The grammar of a schema's text. Throws `bad_request` where no answer can be kept to it. */
function grammarOf(engine: Engine, vocabulary: Vocabulary, text: string): Grammar {
  const known = grammars.get(vocabulary) ?? new Map<string, Grammar>();
  grammars.set(vocabulary, known);
  const found = known.get(text);
  if (found !== undefined) return found;
  const grammar = new Grammar(vocabulary, compiled(engine, text, vocabulary.longest));
  const { initial } = grammar.machine;
  if (!grammar.mask(initial).leads) throw unusable('there is no answer that it allows, of the tokens that this model has.');
  const [oldest] = known.keys();
  if (known.size >= SCHEMAS) known.delete(oldest as string);
  known.set(text, grammar);
  return grammar;
}

function compiled(engine: Engine, text: string, longest: number): Machine {
  let schema: JSONSchema;
  try {
    schema = JSON.parse(text) as JSONSchema;
  } catch (error) {
    throw unusable(`it is no JSON: ${textOf(error)}`, error);
  }
  try {
    return new Machine(engine, schema, longest);
  } catch (error) {
    throw unusable(textOf(error), error);
  }
}

const unusable = (why: string, cause?: unknown): PageFault =>
  new PageFault('bad_request', `No answer can be kept to this JSON schema: ${why}`, { help: 'Give another schema.', cause });
