/** Parts of text generation in real browsers: credit, and how a request ends before its answer does. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FixedPlatform } from '../../src/facts/devices.js';
import { refused } from './ask.js';
import { GRAPHS, decoder, generateOn, golden } from './decoders.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

const routes: ReadonlyArray<[BrowserName, readonly FixedPlatform[]]> = [
  ['chromium', ['wasm']],
  ['headless-shell', ['webgpu']],
  ['firefox', ['wasm', 'webgpu']],
];

for (const [name, platforms] of routes) {
  describe(name, { timeout: 300_000 }, () => {
    const { host } = page(name, { graphs: GRAPHS });
    const generate = generateOn(host);
    const prompt = golden('llama').input_ids;
    /** Resolves when a request has so many parts. */
    const parts = (id: number, count: number): Promise<void> =>
      new Promise((resolve) => {
        const enough = (): boolean => (host().parts.get(id)?.length ?? 0) >= count;
        if (enough()) return resolve();
        host().onPart = () => {
          if (enough()) resolve();
        };
      });
    const tokensOf = (id: number): number[] => (host().parts.get(id) ?? []).flatMap(({ tokens }) => tokens.map(({ id }) => id));

    for (const platform of platforms) {
      const ask = (max_new_tokens: number, parts: number | null) =>
        generate(decoder('llama'), [prompt], platform, { max_new_tokens, context: 128 }, { parts });

      test(`parts on ${platform} are the answer, a token each, and none come where none are wanted`, async () => {
        const request = ask(12, 32);
        const { data } = await request;
        assert.deepEqual(tokensOf(request.id), data.rows[0]?.ids);
        assert.equal(host().parts.get(request.id)?.length, 12);
        const silent = ask(12, null);
        assert.deepEqual((await silent).data.rows, data.rows);
        assert.equal(host().parts.has(silent.id), false);
      });

      test(`who takes no parts on ${platform} gets no more than there is credit for, and all of them later`, async () => {
        const request = ask(12, 3);
        await parts(request.id, 3);
        await sleep(700);
        assert.equal(host().parts.get(request.id)?.length, 3);
        // The page is not busy meanwhile, but what runs keeps others waiting.
        await host().ping();
        host().credit(request.id, 2);
        await parts(request.id, 5);
        await sleep(300);
        assert.equal(host().parts.get(request.id)?.length, 5);
        host().credit(request.id, 100);
        const { data } = await request;
        assert.deepEqual(tokensOf(request.id), data.rows[0]?.ids);
      });

      test(`a request on ${platform} is cancelled between tokens, also where it waits for credit`, async () => {
        for (const credit of [2, 1000]) {
          const request = ask(100, credit);
          const taken = assert.rejects(request, refused('cancelled', /after \d+ tokens/));
          await parts(request.id, 2);
          host().cancel(request.id);
          await taken;
        }
        assert.equal((await ask(4, null)).data.rows[0]?.ids.length, 4);
      });

      test(`a request on ${platform} that is stopped answers with what it has`, async () => {
        for (const credit of [2, 1000]) {
          const request = ask(100, credit);
          await parts(request.id, 2);
          host().stop(request.id);
          const { data } = await request;
          const { ids, stop } = data.rows[0] as { ids: number[]; stop: string };
          assert.equal(stop, 'interrupted');
          assert.ok(ids.length >= 2 && ids.length < 100, String(ids.length));
          // What had no credit is in the answer alone.
          const sent = tokensOf(request.id);
          assert.deepEqual(ids.slice(0, sent.length), sent);
          assert.ok(ids.length - sent.length <= 1);
        }
      });

      test(`what waits on ${platform} is stopped as it is cancelled, and keeps the credit that it gets`, async () => {
        const first = ask(20, 1);
        const second = ask(5, 0);
        const third = ask(5, 0);
        const stopped = assert.rejects(second, refused('cancelled', /was stopped before it ran/));
        host().stop(second.id);
        await stopped;
        host().credit(third.id, 5);
        host().credit(first.id, 100);
        await first;
        assert.equal((await third).data.rows[0]?.ids.length, 5);
        assert.equal(tokensOf(third.id).length, 5);
      });

      test(`a request on ${platform} whose socket is lost ends, and the page answers others`, async () => {
        const request = ask(100, 2);
        let answers = 0;
        const count = (): void => void (answers += 1);
        request.then(count, count);
        await parts(request.id, 2);
        const hello = host().hello();
        host().drop();
        await hello;
        assert.equal((await ask(4, 9)).data.rows[0]?.ids.length, 4);
        assert.equal(answers, 0);
      });
    }

    test('numbers of parts that are none are refused', async () => {
      for (const parts of [-1, 1.5])
        await assert.rejects(generate(decoder('llama'), [prompt], 'wasm', {}, { parts }), refused('bad_request', /a number of parts/));
    });
  });
}
