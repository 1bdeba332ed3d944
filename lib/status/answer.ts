import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { durationBoundsUs } from '../native/duration-bounds.js';
import { metricsText, type ProcessWatch } from './metrics.js';
import { type Observed, observe } from './observe.js';
import { page, script, style } from './page.js';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly policy?: string;
}

/** GET and HEAD of `/health`, `/metrics`, and `/` for people. */
export async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  about: Observed,
  watch: ProcessWatch,
): Promise<void> {
  const { status, type, body, policy = "default-src 'none'" } = await answerTo(req, about, watch);
  res.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  res.end(body);
}

async function answerTo(req: IncomingMessage, about: Observed, watch: ProcessWatch): Promise<Answer> {
  if (req.method !== 'GET' && req.method !== 'HEAD') return text(405, 'Only GET and HEAD.\n');
  switch ((req.url ?? '').split('?', 1)[0]) {
    case '/':
      return { status: 200, type: 'text/html; charset=utf-8', body: page, policy: pagePolicy };
    case '/health':
      return text(about.state === 'serving' ? 200 : 503, `${about.state}\n`);
    case '/metrics':
      return {
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: metricsText(await observe(about), watch),
      };
    case '/data':
      return { status: 200, type: 'application/json', body: JSON.stringify(await dataOf(about, watch)) };
    default:
      return text(404, 'There are /, /health and /metrics.\n');
  }
}

/** Requests in flight that the page shows. */
const openShownMax = 20;

/** What the page draws; not for others, and it may change. */
async function dataOf(about: Observed, watch: ProcessWatch): Promise<unknown> {
  const { open, ...seen } = await observe(about);
  const { user, system } = process.cpuUsage();
  return {
    ...seen,
    open: open.slice(0, openShownMax),
    boundsUs: durationBoundsUs,
    nowMs: performance.now(),
    pid: process.pid,
    node: process.version,
    upSeconds: process.uptime(),
    cpuUs: user + system,
    memoryBytes: process.memoryUsage.rss(),
    lag: watch.recentLag(),
  };
}

/** Only what is in the page itself, and its own data. */
const pagePolicy = [
  "default-src 'none'",
  `style-src '${hash(style)}'`,
  `script-src '${hash(script)}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function hash(content: string): string {
  return `sha256-${createHash('sha256').update(content).digest('base64')}`;
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}
