import { ServerResponse } from 'node:http';
import { defineValues } from './base.js';
import { kExchange } from './request.js';
import { NativeResponse } from './response.js';
import { ended, isCut, kState, open } from './response-state.js';

// Informational responses. Node's own methods check what they are given and write a head, which is read here: what they
// check, and whether there is a writeInformation, is another thing in each Node.

type Write = (...args: unknown[]) => unknown;

/** Node's own, taken before the preload puts another in its place. */
const node = ServerResponse.prototype as unknown as Record<string, Write>;

/** What Node's method takes for the response. */
interface Writer {
  readonly _header: string | null;
  _sent100?: boolean;
  writeInformation: Write | undefined;
  _isLenientHeaderValidation(): boolean;
  _writeRaw(head: string, encoding: string, callback?: (error: null) => void): boolean;
}

function inform(response: NativeResponse, write: Write, args: unknown[]): unknown {
  const writer: Writer = {
    _header: response[kState] === open ? null : 'sent',
    writeInformation: node['writeInformation'],
    _isLenientHeaderValidation: () => false,
    _writeRaw(head, _encoding, callback) {
      response[kExchange].respondInfo(Number(head.slice(9, 12)), readFields(head));
      // One that cannot be sent any more has no callback.
      const isGone = response[kState] >= ended || isCut(response);
      if (callback && !isGone) process.nextTick(callback, null);
      return true;
    },
  };
  const result = write.apply(writer, args);
  if (writer._sent100 === true) Object.assign(response, { _sent100: true });
  return result;
}

/** Name and value in turn, of a head that ends with an empty line. */
function readFields(head: string): string[] {
  return head
    .split('\r\n')
    .slice(1, -2)
    .flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
}

for (const name of ['writeContinue', 'writeProcessing', 'writeEarlyHints', 'writeInformation']) {
  const write = node[name];
  if (write === undefined) continue;
  const own = function (this: NativeResponse, ...args: unknown[]): unknown {
    return this[kExchange] === undefined ? write.apply(this, args) : inform(this, write, args);
  };
  Object.defineProperty(own, 'name', { value: name, configurable: true });
  defineValues(NativeResponse.prototype, { [name]: own });
}
