// Written by `UPDATE_EXPECT=1 cargo test -p pelago-protocol`: do not edit.

export type Platform = "auto" | "webgpu" | "webnn" | "wasm";

export type BrowserKind = "auto" | "chrome" | "firefox" | "edge" | "safari";

export type Family = "text_embedding" | "text_generation" | "text_to_text" | "vision" | "audio" | "multimodal";

export type Precision = 2 | 4 | 8 | 16 | 32;

export type DType = "float32" | "float16" | "int8" | "uint8" | "int32" | "uint32" | "int64" | "uint64" | "bool";

export type Hardware = { 
/**
 * True only where the adapter is known not to be a software one. `None`
 * where the browser gives no way to tell.
 */
is_real: boolean | null, 
/**
 * Why, in words: e.g. `the adapter says isFallbackAdapter`.
 */
reason: string, };

export type Adapter = { 
/**
 * e.g. `nvidia`.
 */
vendor: string, 
/**
 * e.g. `hopper`.
 */
architecture: string, 
/**
 * The vendor's identifier of the device.
 */
device: string, 
/**
 * Free text of the driver.
 */
description: string, 
/**
 * `GPUAdapterInfo.isFallbackAdapter`; `None` in browsers without it.
 */
is_fallback_adapter: boolean | null, };

export type WebGpuCapabilities = { 
/**
 * Whether a device was really made.
 */
available: boolean, 
/**
 * Why not, where it is not.
 */
error: string | null, 
/**
 * The adapter, where there is one.
 */
adapter: Adapter | null, 
/**
 * e.g. `shader-f16`.
 */
features: Array<string>, 
/**
 * `GPUSupportedLimits`, e.g. `maxBufferSize` in bytes.
 */
limits: Record<string, number>, 
/**
 * Software or hardware.
 */
hardware: Hardware, };

export type WebNnContext = { 
/**
 * The device type asked for: `cpu`, `gpu` or `npu`.
 */
device_type: string, 
/**
 * Whether a context was really made.
 */
available: boolean, 
/**
 * Why not, where it was not.
 */
error: string | null, 
/**
 * `MLContext.accelerated`; `None` in browsers without it.
 */
accelerated: boolean | null, 
/**
 * `MLContext.opSupportLimits()`, as the browser gives it.
 */
op_support_limits: unknown, };

export type WebNnCapabilities = { 
/**
 * Whether any context was made.
 */
available: boolean, 
/**
 * Why not, where it is not.
 */
error: string | null, 
/**
 * One a device type.
 */
contexts: Array<WebNnContext>, 
/**
 * Software or hardware.
 */
hardware: Hardware, };

export type WasmCapabilities = { 
/**
 * 128 bit SIMD.
 */
simd: boolean, 
/**
 * Shared memory, so more than one thread: needs `crossOriginIsolated`.
 */
threads: boolean, 
/**
 * `navigator.hardwareConcurrency`.
 */
hardware_concurrency: number, 
/**
 * JavaScript promise integration (`WebAssembly.Suspending`).
 */
jspi: boolean, };

export type Capabilities = { 
/**
 * `navigator.userAgent`.
 */
user_agent: string, 
/**
 * `self.crossOriginIsolated`.
 */
cross_origin_isolated: boolean, 
/**
 * WebGPU.
 */
webgpu: WebGpuCapabilities, 
/**
 * WebNN.
 */
webnn: WebNnCapabilities, 
/**
 * WebAssembly.
 */
wasm: WasmCapabilities, 
/**
 * The version of onnxruntime-web in the page.
 */
onnxruntime_version: string, 
/**
 * The version of transformers.js in the page.
 */
transformers_version: string, };

export type ExternalData = { 
/**
 * The `location` that the graph's tensors name.
 */
location: string, 
/**
 * Where the session's server has it, from the root: `/ipfs/<cid>/model.safetensors`.
 */
url: string, 
/**
 * Bytes.
 */
size: number, };

export type GraphCid = string;

export type Dimension = number | string;

export type GraphInput = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its dimensions, outermost first.
 */
shape: Array<Dimension>, };

export type GraphFacts = { 
/**
 * What it is to be given; its weights are not among them.
 */
inputs: Array<GraphInput>, 
/**
 * Names of the nodes whose data is integer or boolean: they compute shapes, masks and indices.
 */
integer_nodes: Array<string>, 
/**
 * Names of all other nodes.
 */
other_nodes: Array<string>, };

export type Graph = { 
/**
 * CID of the graph's file: what the page keys its sessions by.
 */
cid: GraphCid, 
/**
 * Where the session's server has it, from the root.
 */
url: string, 
/**
 * Bytes.
 */
size: number, 
/**
 * Files that hold its weights; empty where they are in the graph itself.
 */
external_data: Array<ExternalData>, 
/**
 * What its file declares, which the page does not read itself. `None` until a page is asked to run it.
 */
facts: GraphFacts | null, };

export type Role = "model" | "encoder" | "cross" | "decoder" | "vision_encoder" | "embed_tokens";

export type TensorHeader = { 
/**
 * The graph's name for it.
 */
name: string, 
/**
 * Element type.
 */
dtype: DType, 
/**
 * Dimensions, outermost first.
 */
shape: Array<number>, 
/**
 * Offset in bytes from the end of the header; a multiple of 8. 0 where the bytes are not in the message.
 */
offset: number, 
/**
 * Length in bytes.
 */
byte_length: number, };

export type Attachment = { 
/**
 * 128 random bits as 32 hexadecimal digits.
 */
id: string, 
/**
 * The index of the tensor in `tensors`.
 */
tensor: number, };

export type Header = { 
/**
 * Chosen by the host, never used twice on one browser. 0 where the message answers nothing.
 */
id: number, 
/**
 * What the message is.
 */
type: string, 
/**
 * The model that it is about, by name.
 */
model_name?: string, 
/**
 * The platform that it is about.
 */
platform?: Platform, 
/**
 * The request or the answer itself, by `type`.
 */
data: unknown, 
/**
 * How to do it, by `type`.
 */
options: unknown, 
/**
 * The tensors of the message, in order.
 */
tensors: Array<TensorHeader>, 
/**
 * Host to page: the attachments that hold the bytes of large tensors, in the order of these.
 */
attachments: Array<Attachment>, 
/**
 * Page to host: the indices of the large tensors, in order. The bytes of each are one of the messages that
 * follow this one.
 */
following: Array<number>, };

export type Hello = { 
/**
 * The page's [`PROTOCOL_VERSION`].
 */
protocol_version: number, 
/**
 * `navigator.userAgent`.
 */
user_agent: string, 
/**
 * Made by the page when it was loaded. The same after a lost socket is
 * reopened, another after the page itself was: then its sessions are gone.
 */
page_id: string, };

export type ProgressPhase = "fetch" | "compile" | "run";

export type Progress = { 
/**
 * What is going on.
 */
phase: ProgressPhase, 
/**
 * The file that is being fetched, where one is.
 */
file: string | null, 
/**
 * Bytes done.
 */
loaded: number, 
/**
 * Bytes to do; `None` where it is not known.
 */
total: number | null, };

export type ErrorCode = "bad_request" | "graph_unknown" | "platform_unavailable" | "fallback_refused" | "fetch_failed" | "invalid_model" | "empty_input" | "input_too_long" | "invalid_tensor" | "not_finite" | "out_of_memory" | "device_lost" | "cancelled" | "execution_failed" | "internal";

export type PageError = { 
/**
 * Which error.
 */
code: ErrorCode, 
/**
 * What was expected and what was found.
 */
message: string, 
/**
 * What to do about it.
 */
help: string, 
/**
 * Whether the same request may be sent again as it is.
 */
repeatable: boolean, };

export type ExecutionOptions = { 
/**
 * Whether nodes may run elsewhere than on the header's `platform`.
 */
allow_fallback: boolean, 
/**
 * WebNN's device type, `cpu`, `gpu` or `npu`; `None` leaves it to the browser.
 */
webnn_device_type: string | null, 
/**
 * Threads of wasm; `None` is one a core.
 */
threads: number | null, 
/**
 * Whether WebNN gets fixed shapes. On unless a measurement wants to see the difference.
 */
fixed_shapes: boolean, 
/**
 * Bytes that the page's sessions may hold in all; what was used least is let go of before another is built.
 * `None` sets no bound.
 */
memory_budget: number | null, 
/**
 * Parts that may be sent before a `credit` allows more; `None` sends none, and the result alone has it all.
 */
parts: number | null, };

export type Pooling = "cls" | "max" | "mean" | "mean_sqrt_len_tokens" | "weightedmean" | "lasttoken";

export type EmbedData = { 
/**
 * The graphs of the model.
 */
graphs: { [key in Role]?: Graph }, 
/**
 * Tokens of each text, special ones included, without padding.
 */
lengths: Array<number>, 
/**
 * The id that fills a shorter row.
 */
pad_id: number, 
/**
 * Whether padding stands before the tokens.
 */
pad_left: boolean, 
/**
 * Tokens that one text may have; `None` where the model sets no limit.
 */
max_tokens: number | null, 
/**
 * How token vectors become one; several are put side by side in this order.
 */
pooling: Array<Pooling>, 
/**
 * Tokens at the front of each text that pooling leaves out: those of a prompt.
 */
unpooled: number, 
/**
 * The number of a task, for graphs with an input `task_id`.
 */
task_id: number | null, };

export type RunData = { 
/**
 * The graphs of the model.
 */
graphs: { [key in Role]?: Graph }, 
/**
 * Outputs wanted, by name; empty for all.
 */
outputs: Array<string>, };

export type Dispose = { 
/**
 * Only sessions of this graph.
 */
graph: GraphCid | null, 
/**
 * How many of the most recently used to keep.
 */
keep: number, };

export type DisposeResult = { 
/**
 * Sessions let go of.
 */
disposed: number, 
/**
 * Sessions still held.
 */
held: number, 
/**
 * Memory of the page in MiB after that, where the browser tells.
 */
memory_usage_mb: number | null, };

export type Cancel = { 
/**
 * The `id` of the request to end.
 */
target: number, };

export type Placement = { 
/**
 * Nodes of the optimised graph; a subgraph that a provider fused counts as
 * the one node that it became.
 */
nodes_total: number, 
/**
 * Nodes on the provider that was asked for.
 */
nodes_on_provider: number, 
/**
 * Nodes on the CPU provider that only compute shapes, which may stay there.
 */
nodes_shape_arithmetic: number, 
/**
 * Operator types of nodes elsewhere than asked, sorted, shape arithmetic not among them.
 */
fallback_operators: Array<string>, 
/**
 * Operator types of the shape arithmetic on the CPU provider, sorted.
 */
shape_operators: Array<string>, };

export type SessionFacts = { 
/**
 * The provider that onnxruntime placed the graph on, by its own name.
 */
execution_provider: string, 
/**
 * Where its nodes are.
 */
placement: Placement, 
/**
 * Threads of wasm.
 */
threads: number, 
/**
 * `jspi` or `asyncify`: which build of onnxruntime-web runs.
 */
build: string, 
/**
 * Batch and sequence length, where they are fixed.
 */
fixed_shape: [number, number] | null, 
/**
 * WebNN's device type, where WebNN runs.
 */
webnn_device_type: string | null, 
/**
 * `MLContext.accelerated`, where the browser has it.
 */
webnn_accelerated: boolean | null, };

export type HeldSession = { 
/**
 * Its graph.
 */
graph: GraphCid, 
/**
 * Where it runs.
 */
platform: Platform, 
/**
 * Bytes of the graph and its weights.
 */
bytes: number, 
/**
 * Batch and sequence length, where they are fixed.
 */
shape: [number, number] | null, };

export type LoadResult = { 
/**
 * The session that is ready now.
 */
session: SessionFacts, 
/**
 * Whether it was ready before.
 */
warm: boolean, 
/**
 * Milliseconds of the fetch of all files; `None` where nothing was fetched.
 */
fetch_ms: number | null, 
/**
 * Milliseconds of building the session; `None` where it was there.
 */
compile_ms: number | null, 
/**
 * Milliseconds of the first run, which readies kernels and shaders; `None` where it was done before.
 */
first_run_ms: number | null, 
/**
 * Memory of the page in MiB, where the browser tells.
 */
memory_usage_mb: number | null, 
/**
 * All sessions that the page holds after that, the most recently used first.
 */
held: Array<HeldSession>, };

export type EmbedResult = { 
/**
 * How the session came to be, for this request.
 */
load: LoadResult, 
/**
 * Milliseconds of the graph.
 */
run_ms: number, 
/**
 * Milliseconds of pooling.
 */
pool_ms: number, 
/**
 * Milliseconds of both, by one clock.
 */
processing_ms: number, 
/**
 * Batch and sequence length of the largest run, with padding.
 */
padded_shape: [number, number], 
/**
 * Tokens of all runs, padding included.
 */
padded_tokens: number, 
/**
 * What pooled: `mean`, `cls+mean`, …, or the name of the graph's own output.
 */
pooling: string, 
/**
 * Whether the graph itself gave one vector a text.
 */
pooled_by_graph: boolean, };

export type RunResult = { 
/**
 * How the session came to be, for this request.
 */
load: LoadResult, 
/**
 * Milliseconds of the graph.
 */
processing_ms: number, };

export type Sampling = { 
/**
 * What logits are divided by before a token is drawn; 0 takes the most likely token and draws nothing.
 */
temperature: number, 
/**
 * Only so many of the most likely tokens are drawn from; `None` for all.
 */
top_k: number | null, 
/**
 * Only the most likely tokens whose probabilities add up to this are drawn from; `None` for all.
 */
top_p: number | null, 
/**
 * Only tokens of at least this times the greatest probability are drawn from; `None` for all.
 */
min_p: number | null, 
/**
 * What logits of tokens that prompt or answer have already are divided by where they are above 0, and multiplied
 * with where they are below; 1 changes nothing.
 */
repetition_penalty: number, 
/**
 * Taken off the logit of a token as often as the answer has it; 0 changes nothing.
 */
frequency_penalty: number, 
/**
 * Taken off the logit of a token that the answer has; 0 changes nothing.
 */
presence_penalty: number, 
/**
 * No sequence of so many tokens comes twice in prompt and answer; 0 lets any come again.
 */
no_repeat_ngram: number, 
/**
 * Tokens that are never chosen.
 */
suppressed: Array<number>, 
/**
 * The last token of an answer that has as many as were asked for; `None` for any.
 */
forced_end: number | null, 
/**
 * Tokens that an answer has at least; those that end it are not chosen before.
 */
min_new_tokens: number, 
/**
 * Where the random numbers begin. Equal seeds give equal tokens on equal hardware.
 */
seed: number, };

export type EarlyStopping = "first" | "likely" | "never";

export type Beams = { 
/**
 * Answers that are kept, at least 2.
 */
count: number, 
/**
 * The exponent of an answer's length, which the sum of its logarithms is divided by: above 0 prefers long ones.
 */
length_penalty: number, 
/**
 * When the search ends.
 */
early_stopping: EarlyStopping, };

export type GenerateData = { 
/**
 * The graphs of the model.
 */
graphs: { [key in Role]?: Graph }, 
/**
 * Tokens of each prompt, without padding; at least one each.
 */
lengths: Array<number>, 
/**
 * The id that fills a shorter prompt.
 */
pad_id: number, 
/**
 * What an encoder–decoder's answer begins with, the same for every row; empty for a decoder.
 */
decoder_ids: Array<number>, 
/**
 * Tokens that a row may have in the decoder, prompt and answer together.
 */
context: number, 
/**
 * Tokens that each row's answer may have.
 */
max_new_tokens: number, 
/**
 * Tokens that end a row's answer. They are part of it.
 */
stop_ids: Array<number>, 
/**
 * How the next token is chosen.
 */
sampling: Sampling, 
/**
 * How the likeliest answer is searched for; `None` to choose each token for good.
 */
beams: Beams | null, 
/**
 * A JSON schema, as its text, that answers keep to. The message then has two tensors more: `token_bytes`, uint8,
 * with the bytes of all tokens one after the other (none of a special token), and `token_ends`, int32
 * `[vocabulary]`, with the end of each token's bytes.
 */
schema: string | null, 
/**
 * How many of the most likely tokens are given with each token, and its own probability; `None` for neither.
 */
logprobs: number | null, 
/**
 * Whether WebGPU's work for one token may be recorded once and replayed.
 */
capture: boolean, };

export type ScoreData = { 
/**
 * The graphs of the model, as of [`GenerateData`].
 */
graphs: { [key in Role]?: Graph }, 
/**
 * The id that fills a shorter prompt.
 */
pad_id: number, 
/**
 * Tokens that the decoder takes.
 */
context: number, };

export type ScoreResult = { 
/**
 * How the session of each graph came to be, for this request.
 */
loads: { [key in Role]?: LoadResult }, };

export type RowToken = { 
/**
 * The row of the batch.
 */
row: number, 
/**
 * The token.
 */
id: number, 
/**
 * The natural logarithm of its probability, before temperature and cuts and after penalties; `None` where it was
 * not asked for.
 */
logprob: number | null, 
/**
 * The most likely tokens with theirs, the most likely first; empty where they were not asked for.
 */
top: Array<[number, number]>, };

export type GeneratePart = { 
/**
 * The tokens, by row.
 */
tokens: Array<RowToken>, };

export type StopReason = "stop" | "length" | "context" | "time" | "interrupted";

export type GeneratedRow = { 
/**
 * Tokens of the answer.
 */
ids: Array<number>, 
/**
 * Why it ended.
 */
stop: StopReason, };

export type GenerateResult = { 
/**
 * How the session of each graph came to be, for this request.
 */
loads: { [key in Role]?: LoadResult }, 
/**
 * One a row of the batch.
 */
rows: Array<GeneratedRow>, 
/**
 * Milliseconds of the encoder and of what is computed once of its states; `None` where there is none.
 */
encode_ms: number | null, 
/**
 * Milliseconds from the first run on the prompt to the first token.
 */
prefill_ms: number, 
/**
 * Milliseconds of all tokens after the first.
 */
decode_ms: number, 
/**
 * Runs of the decoder that gave one token a row.
 */
steps: number, 
/**
 * Tokens that the cache of keys and values had room for.
 */
capacity: number, 
/**
 * Bytes of the cache.
 */
cache_bytes: number, 
/**
 * Whether the work for one token was recorded once and replayed.
 */
captured: boolean, 
/**
 * Why it was not, where it was asked for.
 */
not_captured: string | null, };

export type Stop = { 
/**
 * The `id` of the request.
 */
target: number, };

export type Credit = { 
/**
 * The `id` of a request that gives parts.
 */
target: number, 
/**
 * How many parts it may send beside those that it might send before.
 */
parts: number, };

export const PROTOCOL_VERSION = 3;

export const TOKENS_A_RUN = 8192;

export const ROWS_A_RUN = 64;

export const FIXED_ROWS_A_RUN = 16;

export const REQUESTS_A_PAGE = 256;

export const ATTACHMENT_BYTES = 262144;

export const PARTS_AHEAD = 32;
