import type * as http from 'node:http';
import { setImmediate as nextRound } from 'node:timers/promises';
import { compare, exchangeBytes, type Make, serving } from './compare-servers.js';

/** A listener that tells what it sees. */
type Listener = (req: http.IncomingMessage, res: http.ServerResponse, log: (text: string) => void) => void;

/** What a listener has told, and what the client got. */
async function told(make: Make, request: string, listener: Listener): Promise<unknown> {
  const lines: string[] = [];
  const bytes = await serving(
    make,
    (req, res) => listener(req, res, (text) => void lines.push(text)),
    (port) => exchangeBytes(port, request),
  );
  for (let i = 0; i < 5; i++) await nextRound();
  return { lines, bytes };
}

/** Compare what a listener tells of a request, given as octets, on node:http and on ours. */
export function same(name: string, request: string, listener: Listener): void {
  compare(name, (make) => told(make, request, listener));
}
