import { type RequestOptions, request } from 'node:http';
import { waitMs } from './lifetime-client.js';

/** A whole response. */
export interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** One request on a connection of its own.
 *  @param where As for http.request: `{ port, path }`, `{ socketPath }`. */
export function ask(where: RequestOptions, body?: string | Uint8Array): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', agent: false, timeout: waitMs, ...where }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${waitMs} ms`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
