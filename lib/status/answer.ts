import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the listener tells of. */
export interface Observed {
  readonly state: 'idle' | 'starting' | 'serving' | 'draining' | 'closed';
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** GET and HEAD of `/health`. */
export async function answer(req: IncomingMessage, res: ServerResponse, about: Observed): Promise<void> {
  const { status, type, body } = await answerTo(req, about);
  res.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  res.end(body);
}

async function answerTo(req: IncomingMessage, about: Observed): Promise<Answer> {
  if (req.method !== 'GET' && req.method !== 'HEAD') return text(405, 'Only GET and HEAD.\n');
  switch ((req.url ?? '').split('?', 1)[0]) {
    case '/health':
      return text(about.state === 'serving' ? 200 : 503, `${about.state}\n`);
    default:
      return text(404, 'There is /health.\n');
  }
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain', body };
}
