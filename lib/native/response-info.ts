import { ServerResponse } from 'node:http';
import { kExchange } from './request.js';
import type { NativeResponse } from './response.js';
import { kState, open } from './response-state.js';

/** Node's own, taken before the preload puts another in its place. */
const node = ServerResponse.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;

/** An informational response. Node's own method checks what it is given and writes a head, which is read here. */
export function inform(response: NativeResponse, name: string, args: unknown[]): void {
  const writer = {
    _header: response[kState] === open ? null : 'sent',
    writeInformation: node['writeInformation'],
    _isLenientHeaderValidation: () => false,
    _writeRaw: (head: string) => response[kExchange].respondInfo(Number(head.slice(9, 12)), readFields(head)),
  };
  node[name]?.apply(writer, args);
}

/** Name and value in turn, of a head that ends with an empty line. */
function readFields(head: string): string[] {
  return head
    .split('\r\n')
    .slice(1, -2)
    .flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
}
