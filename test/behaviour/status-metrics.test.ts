// --status: /metrics as Prometheus reads it, and the page for people in a real browser.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { chromium } from 'playwright-core';
import { ask } from '../helpers/ask.js';
import { testedBackends } from '../helpers/backends.js';
import { Command } from '../helpers/command.js';
import { eventually, missing, temporaryDirectory } from '../helpers/processes.js';

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly metrics: readonly {
    readonly value?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly buckets?: Readonly<Record<string, string>>;
    readonly count?: string;
    readonly sum?: string;
  }[];
}

const parse = createRequire(import.meta.url)('parse-prometheus-text-format') as (text: string) => Family[];

const application = `
  export const app = (req, res) => {
    if (req.url.startsWith('/hang')) return;
    if (req.url === '/missing') res.statusCode = 404;
    res.end('hello');
  };
`;

async function serve(t: TestContext, args: readonly string[]) {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.mjs'), application);
  const all = ['./app.mjs', '--bind', '127.0.0.1:0', '--status', '127.0.0.1:0', ...args];
  const command = new Command(t, all, { cwd: directory });
  const [place = ''] = await command.serving();
  const [, status = ''] = await command.line(/Status on 127\.0\.0\.1:(\d+)\n/);
  return { command, port: Number(place.split(':')[1]), status: Number(status) };
}

async function scrape(port: number): Promise<ReadonlyMap<string, Family>> {
  const { status, headers, text } = await ask({ port, path: '/metrics' });
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  return new Map(parse(text).map((family) => [family.name, family]));
}

function value(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number {
  const found = families
    .get(name)
    ?.metrics.find((metric) =>
      Object.entries(labels).every(([label, text]) => metric.labels?.[label] === text),
    );
  return Number(found?.value ?? Number.NaN);
}

for (const backend of testedBackends) {
  for (const threads of [1, 2]) {
    test(`metrics, ${backend}, ${threads} threads`, async (t) => {
      const { port, status } = await serve(t, ['--backend', backend, '--threads', String(threads)]);
      for (let n = 0; n < 20; n++) await ask({ port, path: '/' });
      await ask({ port, path: '/missing' });
      await ask({ port, path: '/', method: 'HEAD' });
      await ask({ port, path: '/', headers: { host: 'a b' } }).catch(() => {});
      const families = await eventually('the counters', async () => {
        const now = await scrape(status);
        return value(now, 'http_requests_total', { status: '200' }) === 21 ? now : undefined;
      });
      assert.equal(value(families, 'http_requests_total', { status: '404' }), 1);
      assert.equal(value(families, 'http_requests_total', { status: '400' }), 1);
      assert.equal(value(families, 'chaussette_requests_received_total'), 22);
      assert.equal(value(families, 'chaussette_connections_accepted_total'), 23);
      assert.equal(value(families, 'chaussette_refusals_total', { status: '400' }), 1);
      assert.ok(value(families, 'chaussette_received_bytes_total') > 23 * 30);
      assert.ok(value(families, 'chaussette_sent_bytes_total') > 22 * 50);
      assert.equal(value(families, 'chaussette_up'), 1);
      assert.equal(value(families, 'chaussette_threads'), threads === 1 ? 0 : threads);
      const duration = families.get('http_request_duration_seconds');
      assert.equal(duration?.type, 'HISTOGRAM');
      const [histogram] = duration?.metrics ?? [];
      assert.equal(Number(histogram?.count), 23);
      assert.ok(Number(histogram?.sum) >= 0);
      const byBound = Object.entries(histogram?.buckets ?? {}).map(
        ([le, count]) => [Number(le.replace('+Inf', 'Infinity')), Number(count)] as const,
      );
      const buckets = byBound.sort(([a], [b]) => a - b).map(([, count]) => count);
      assert.equal(buckets.at(-1), 23);
      assert.deepEqual(
        buckets,
        [...buckets].sort((a, b) => a - b),
        'buckets add up',
      );
      if (backend === 'native') assert.ok(value(families, 'chaussette_turns_total') > 0);
      for (const name of [
        'process_cpu_seconds_total',
        'process_resident_memory_bytes',
        'nodejs_eventloop_lag_p99_seconds',
      ]) {
        assert.ok(value(families, name) > 0, name);
      }
      for (const { name, help, type } of families.values()) {
        assert.match(name, /^[a-z][a-z0-9_]*$/);
        assert.ok(help.length > 0 && type !== 'UNTYPED', name);
        assert.equal(type === 'COUNTER', name.endsWith('_total') && type !== 'GAUGE', name);
      }
    });
  }
}

test('a thread that is blocked does not hold the metrics', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(
    join(directory, 'app.mjs'),
    `import { writeSync } from 'node:fs';
     export const app = (req, res) => { if (req.url === '/block') { writeSync(1, 'blocks\\n'); for (;;); } res.end('hello'); };`,
  );
  const args = ['./app.mjs', '--bind', '127.0.0.1:0', '--status', '127.0.0.1:0', '--threads', '2'];
  const command = new Command(t, [...args, '--graceful-timeout', '1'], { cwd: directory });
  const [place = ''] = await command.serving();
  const [, status = ''] = await command.line(/Status on 127\.0\.0\.1:(\d+)\n/);
  ask({ port: Number(place.split(':')[1]), path: '/block' }).catch(() => {});
  await command.line(/blocks/);
  const families = await scrape(Number(status));
  assert.equal(value(families, 'chaussette_threads'), 2);
});

const quiet =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

describe('the status page', { skip: missing('chromium') }, () => {
  for (const backend of testedBackends) {
    test(`shows what the server does, and nothing of it as markup: ${backend}`, async (t) => {
      const { command, port, status } = await serve(t, ['--backend', backend]);
      const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: quiet.split(' ') });
      t.after(() => browser.close());
      for (const colorScheme of ['light', 'dark'] as const) {
        const context = await browser.newContext({ colorScheme, viewport: { width: 360, height: 700 } });
        const page = await context.newPage();
        const problems: string[] = [];
        page.on('console', (message) => problems.push(message.text()));
        page.on('pageerror', (error) => problems.push(error.message));
        page.on('request', (request) => {
          if (new URL(request.url()).port !== String(status)) problems.push(request.url());
        });
        await page.goto(`http://127.0.0.1:${status}/`);
        await page.locator('#state', { hasText: 'serving' }).waitFor();
        await ask({ port, path: '/missing' });
        const hanging = ask({ port, path: `/hang?<img/src=x>` });
        hanging.catch(() => {});
        await page.locator('#open td', { hasText: '/hang?<img/src=x>' }).first().waitFor();
        await page.locator('#statuses td', { hasText: '404' }).waitFor();
        await page.locator('#latency .now', { hasText: /\d (ms|µs) \/ / }).waitFor();
        assert.equal(await page.locator('img').count(), 0);
        const title = await page.locator('#connections svg title').textContent();
        assert.match(title ?? '', /^Connections, last two minutes: now \d+ \/ \d+/);
        const width = await page.evaluate('document.documentElement.scrollWidth');
        assert.equal(width, 360, 'nothing is wider than the screen');
        assert.deepEqual(problems, []);
        await context.close();
      }
      const page = await ask({ port: status, path: '/' });
      assert.match(
        String(page.headers['content-security-policy']),
        /^default-src 'none'; style-src 'sha256-/,
      );
      command.signal('SIGQUIT');
      await command.end();
    });
  }
});
