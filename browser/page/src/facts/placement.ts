/**
 * Where onnxruntime placed the nodes of a graph. It prints this while it builds a
 * session at log level "verbose" (`VerifyEachNodeIsAssignedToAnEp` in
 * onnxruntime/core/framework/session_state.cc, version 1.30). Knows the printed
 * lines, not sessions.
 */

import type { GraphFacts, Placement, Platform } from '../protocol.js';

export const CPU = 'CPUExecutionProvider';

/** The execution provider of each platform, by onnxruntime's name. */
export const PROVIDERS: Readonly<Record<Exclude<Platform, 'auto'>, string>> = {
  webgpu: 'WebGpuExecutionProvider',
  webnn: 'WebNNExecutionProvider',
  wasm: CPU,
};

/** Operators that compute shapes, masks and indices when their data is integer. */
const SHAPE_OPERATORS: ReadonlySet<string> = new Set([
  'Abs', 'Add', 'And', 'Cast', 'Concat', 'ConstantOfShape', 'CumSum', 'Div', 'Equal', 'Expand', 'Flatten', 'Gather',
  'GatherElements', 'GatherND', 'Greater', 'GreaterOrEqual', 'Identity', 'Less', 'LessOrEqual', 'Max', 'Min', 'Mod',
  'Mul', 'Neg', 'Not', 'NonZero', 'Or', 'Range', 'ReduceMax', 'ReduceProd', 'ReduceSum', 'Reshape', 'ScatterND',
  'Shape', 'Size', 'Slice', 'Split', 'Squeeze', 'Sub', 'Tile', 'Transpose', 'Unsqueeze', 'Where',
]); // prettier-ignore

/**
 * Operators that only move data. A node of such a type whose name the graph does
 * not have was made by onnxruntime out of shape arithmetic.
 */
const MOVES: ReadonlySet<string> = new Set([
  'Cast', 'Concat', 'Expand', 'Gather', 'Identity', 'Range', 'Reshape', 'Shape', 'Size', 'Slice', 'Squeeze', 'Unsqueeze',
]); // prettier-ignore

/** A node that gives floats computes no shapes, whatever its type, unless it only fills a tensor of a shape. */
const FILLS: ReadonlySet<string> = new Set(['ConstantOfShape']);

/** Copies between devices. onnxruntime adds them between nodes on different devices. */
const COPIES: ReadonlySet<string> = new Set(['MemcpyFromHost', 'MemcpyToHost']);

export interface PlacedNode {
  readonly provider: string;
  readonly operator: string;
  readonly name: string;
}

export interface PlacementLog {
  /** Number of nodes by provider, as onnxruntime counts them. */
  readonly counts: ReadonlyMap<string, number>;
  /** The nodes by name. onnxruntime lists none where one provider has all of them. */
  readonly nodes: readonly PlacedNode[];
}

const ALL = /All nodes placed on \[(\w+)\]\. Number of nodes: (\d+)/;
const SOME = /Node\(s\) placed on \[(\w+)\]\. Number of nodes: (\d+)/;
const NODE = /VerifyEachNodeIsAssignedToAnEp\]\s+(\S+) \((.*)\)\s*$/;
/** What onnxruntime prints of a node that computes shapes, when it keeps that on the CPU although the device has a kernel. */
const SHAPE_ON_CPU = /Force fallback to CPU execution for node: (.*?) because/;

/** Reads the placement from the printed lines. `null` where they have none. */
export function parsePlacement(lines: readonly string[]): PlacementLog | null {
  const counts = new Map<string, number>();
  const nodes: PlacedNode[] = [];
  let provider: string | null = null;
  for (const line of lines) {
    const all = ALL.exec(line);
    const some = SOME.exec(line);
    const count = all ?? some;
    if (count) {
      counts.set(count[1] as string, Number(count[2]));
      provider = some ? (count[1] as string) : null;
      continue;
    }
    if (provider === null) continue;
    const node = NODE.exec(line);
    if (node) nodes.push({ provider, operator: node[1] as string, name: node[2] as string });
    else provider = null;
  }
  return counts.size === 0 ? null : { counts, nodes };
}

/** Counts and names the nodes of a session that should run on `provider`. */
export function judge(log: PlacementLog, provider: string, facts: GraphFacts, lines: readonly string[]): Placement {
  const total = [...log.counts.values()].reduce((sum, count) => sum + count, 0);
  const onProvider = log.counts.get(provider) ?? 0;
  const integer = new Set(facts.integer_nodes);
  const other = new Set(facts.other_nodes);
  const shapes = new Set<string>();
  for (const line of lines) {
    const forced = SHAPE_ON_CPU.exec(line);
    if (forced) shapes.add(forced[1] as string);
  }
  const fallback = new Set<string>();
  const arithmetic = new Set<string>();
  let elsewhere = 0;
  let shapeNodes = 0;
  for (const node of log.nodes) {
    if (node.provider === provider) continue;
    elsewhere += 1;
    const bookkeeping =
      COPIES.has(node.operator) ||
      shapes.has(node.name) ||
      (integer.has(node.name) ? SHAPE_OPERATORS : other.has(node.name) ? FILLS : MOVES).has(node.operator);
    if (bookkeeping) {
      shapeNodes += 1;
      arithmetic.add(node.operator);
    } else fallback.add(node.operator);
  }
  // One provider has all nodes, and it is not the requested one. onnxruntime prints no names then.
  const unnamed = total - onProvider - elsewhere;
  if (unnamed > 0) fallback.add(`all ${unnamed} nodes`);
  return {
    nodes_total: total,
    nodes_on_provider: onProvider,
    nodes_shape_arithmetic: shapeNodes,
    fallback_operators: [...fallback].sort(),
    shape_operators: [...arithmetic].sort(),
  };
}

/** The provider that has most nodes, without shape arithmetic: this is where the graph runs. */
export function actualProvider(log: PlacementLog, placement: Placement, asked: string): string {
  if (placement.fallback_operators.length === 0) return asked;
  let best = asked;
  let most = log.counts.get(asked) ?? 0;
  for (const [provider, count] of log.counts) {
    const work = provider === asked ? count : count - placement.nodes_shape_arithmetic;
    if (work > most) [best, most] = [provider, work];
  }
  return best;
}
