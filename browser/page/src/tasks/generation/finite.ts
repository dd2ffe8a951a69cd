/**
 * Whether logits leave a token to choose: none of them is NaN, and one is finite. `ArgMax` gives some token of any. They
 * are judged where they are, in memory or on a GPU, where each costs one read. Knows no decoder.
 */

import { PageFault } from '../../errors.js';

/** What a row of logits has; both may be. */
const HAS_NAN = 1;
const HAS_FINITE = 2;

/** What each row of logits in memory, `[rows, vocabulary]`, has. */
export function judged(logits: Float32Array, vocabulary: number): Uint32Array {
  const found = new Uint32Array(logits.length / vocabulary);
  return found.map((_, row) => {
    let has = 0;
    for (let at = row * vocabulary; at < (row + 1) * vocabulary; at++) {
      const logit = logits[at] as number;
      // v - v is 0 for a finite v, and NaN for all others.
      if (logit - logit === 0) has |= HAS_FINITE;
      else if (Number.isNaN(logit)) has |= HAS_NAN;
    }
    return has;
  });
}

/** Throws `not_finite` where a row has not what it should. `lengths` are the tokens that each row was computed of. */
export function checkFinite(found: Uint32Array, lengths: readonly number[]): void {
  const row = found.findIndex((has) => has !== HAS_FINITE);
  if (row >= 0)
    throw new PageFault(
      'not_finite',
      `Expected finite logits after ${lengths[row]} tokens of row ${row + 1} of ${lengths.length}, found NaN among them, or none that is finite.`,
    );
}

/** Lanes of a workgroup. */
const LANES = 64;
/** Workgroups of a row. */
const GROUPS = 32;

/** It compares bits: what a shader computes with NaN is not defined. */
function shader(type: 'float32' | 'float16'): string {
  const [bits, infinite] = type === 'float32' ? ['logits[at] & 0x7fffffffu', '0x7f800000u'] : ['(logits[at / 2u] >> (16u * (at % 2u))) & 0x7fffu', '0x7c00u'];
  return `
override vocabulary: u32;
@group(0) @binding(0) var<storage, read> logits: array<u32>;
@group(0) @binding(1) var<storage, read_write> found: array<atomic<u32>>;

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var most = 0u;
  var least = ${infinite};
  for (var token = group.x * ${LANES}u + lane; token < vocabulary; token += ${LANES * GROUPS}u) {
    let at = group.y * vocabulary + token;
    let bits = ${bits};
    most = max(most, bits);
    least = min(least, bits);
  }
  let has_nan = select(0u, ${HAS_NAN}u, most > ${infinite});
  atomicOr(&found[group.y], has_nan | select(0u, ${HAS_FINITE}u, least < ${infinite}));
}`;
}

const pipelines = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

function pipelineFor(device: GPUDevice, type: 'float32' | 'float16', vocabulary: number): GPUComputePipeline {
  const made = pipelines.get(device) ?? new Map<string, GPUComputePipeline>();
  pipelines.set(device, made);
  const key = `${type} ${vocabulary}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const module = device.createShaderModule({ code: shader(type) });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, constants: { vocabulary } } });
  made.set(key, pipeline);
  return pipeline;
}

/** Judges logits on a GPU, `[rows, vocabulary]`. */
export class Judge {
  private readonly pipeline: GPUComputePipeline;
  private readonly bindings: GPUBindGroup;

  /** `found` has a number for each row. */
  constructor(
    device: GPUDevice,
    logits: GPUBuffer,
    private readonly found: GPUBuffer,
    type: 'float32' | 'float16',
    vocabulary: number,
    private readonly rows: number,
  ) {
    this.pipeline = pipelineFor(device, type, vocabulary);
    const entries = [logits, found].map((buffer, binding) => ({ binding, resource: { buffer } }));
    this.bindings = device.createBindGroup({ layout: this.pipeline.getBindGroupLayout(0), entries });
  }

  /** Has `found` say what each row has. */
  encode(encoder: GPUCommandEncoder): void {
    encoder.clearBuffer(this.found);
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.bindings);
    pass.dispatchWorkgroups(GROUPS, this.rows);
    pass.end();
  }
}
