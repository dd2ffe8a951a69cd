/** Placement read from what onnxruntime-web 1.30 printed for the tiny BERT of the fixtures. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CPU, PROVIDERS, type PlacementLog, actualProvider, judge, parsePlacement } from '../../src/facts/placement.js';
import { facts } from '../facts.js';

const page = process.env['PELAGO_PAGE'] ?? '.';
const graph = facts('bert');
const log = (name: string): string[] => readFileSync(join(page, 'test/unit/logs', `${name}.txt`), 'utf8').trimEnd().split('\n');
const parse = (lines: string[]): PlacementLog => {
  const parsed = parsePlacement(lines);
  assert.ok(parsed);
  return parsed;
};

test('all nodes on the CPU provider', () => {
  const lines = log('wasm');
  assert.deepEqual(judge(parse(lines), CPU, graph, lines), {
    nodes_total: 114,
    nodes_on_provider: 114,
    nodes_shape_arithmetic: 0,
    fallback_operators: [],
    shape_operators: [],
  });
});

test('a graph that WebNN fused is one node', () => {
  const lines = log('webnn');
  const placement = judge(parse(lines), PROVIDERS.webnn, graph, lines);
  assert.deepEqual([placement.nodes_total, placement.nodes_on_provider], [1, 1]);
  assert.deepEqual(placement.fallback_operators, []);
});

test('shape arithmetic beside WebGPU is counted and named, and nothing else is there', () => {
  const lines = log('webgpu');
  const parsed = parse(lines);
  assert.equal(parsed.nodes.length, 123);
  const placement = judge(parsed, PROVIDERS.webgpu, graph, lines);
  assert.deepEqual(placement, {
    nodes_total: 123,
    nodes_on_provider: 88,
    nodes_shape_arithmetic: 35,
    fallback_operators: [],
    shape_operators: ['Cast', 'Concat', 'Equal', 'Expand', 'Gather', 'Reshape', 'Shape', 'Slice', 'Unsqueeze', 'Where'],
  });
  assert.equal(actualProvider(parsed, placement, PROVIDERS.webgpu), PROVIDERS.webgpu);
});

test("WebNN without fixed dimensions leaves the model's own work to the CPU", () => {
  const lines = log('webnn-free-dimensions');
  const parsed = parse(lines);
  const placement = judge(parsed, PROVIDERS.webnn, graph, lines);
  assert.deepEqual([placement.nodes_total, placement.nodes_on_provider], [99, 19]);
  for (const operator of ['MatMul', 'Softmax', 'LayerNormalization', 'Gather'])
    assert.ok(placement.fallback_operators.includes(operator), operator);
  assert.equal(actualProvider(parsed, placement, PROVIDERS.webnn), CPU);
});

test('an embedding look-up on the CPU is no shape arithmetic, though a Gather', () => {
  const at = (name: string): PlacementLog => ({
    counts: new Map([[PROVIDERS.webgpu, 9], [CPU, 1]]),
    nodes: [{ provider: CPU, operator: 'Gather', name }],
  });
  assert.deepEqual(judge(at('/embeddings/word_embeddings/Gather'), PROVIDERS.webgpu, graph, []).fallback_operators, ['Gather']);
  assert.deepEqual(judge(at('/Gather'), PROVIDERS.webgpu, graph, []).fallback_operators, []);
});

test('a tensor that is only filled is no work of the model, and a product is', () => {
  const on = (operator: string): PlacementLog => ({
    counts: new Map([[PROVIDERS.webgpu, 9], [CPU, 1]]),
    nodes: [{ provider: CPU, operator, name: 'of the model' }],
  });
  const own = { ...graph, other_nodes: ['of the model'] };
  assert.deepEqual(judge(on('ConstantOfShape'), PROVIDERS.webgpu, own, []).shape_operators, ['ConstantOfShape']);
  assert.deepEqual(judge(on('Mul'), PROVIDERS.webgpu, own, []).fallback_operators, ['Mul']);
});

test('a provider that was dropped without a word has no nodes', () => {
  const lines = log('wasm');
  const parsed = parse(lines);
  const placement = judge(parsed, PROVIDERS.webgpu, graph, lines);
  assert.deepEqual([placement.nodes_on_provider, placement.fallback_operators], [0, ['all 114 nodes']]);
  assert.equal(actualProvider(parsed, placement, PROVIDERS.webgpu), CPU);
});

test('lines without a placement are no placement', () => {
  assert.equal(parsePlacement([]), null);
  assert.equal(parsePlacement(['Node placements', 'something else']), null);
});
