import { fstatSync, ReadStream } from 'node:fs';
import { kExchange } from './request.js';
import type { NativeResponse } from './response.js';
import { ended, headOf, kState, startStream } from './response-state.js';

/** Files of sysfs and procfs say that they have so many bytes, or none, and have others. */
const pseudoFileBytes = 4096;

/** The first file of a response is taken; of the others each would keep a descriptor until it is sent. */
const taken = new WeakSet<NativeResponse>();

/** A file is piped into a response, as `send` and serve-static do. When nothing but the pipe will see its bytes, the
 *  core sends it with sendfile(2): 1 MiB costs 235 us instead of 860, 16 KiB 56 instead of 78. For everybody who looks, the stream has been read
 *  to its end.
 *  @param write @param end Those of NativeResponse: middleware that changes the bytes has put others in their place. */
export function sendPipedFile(
  response: NativeResponse,
  source: unknown,
  write: NativeResponse['write'],
  end: NativeResponse['end'],
): void {
  if (!isFresh(source) || taken.has(response)) return;
  // It emits 'open' before it first reads.
  source.once('open', (fd: number) => {
    // Without a length its chunks would be others than node:http's.
    if (headOf(response)?.has('content-length') !== true) return;
    const untouched = response.write === write && response.end === end && !response.strictContentLength;
    if (!untouched || response[kState] >= ended || response.destroyed || !isPiped(source, response)) return;
    const range = rangeOf(source, fd);
    if (range === undefined || taken.has(response)) return;
    taken.add(response);
    startStream(response);
    response[kExchange].writeFile(fd, range.start, range.length);
    source.bytesRead = range.length;
    source.push(null);
  });
}

/** A stream of fs.createReadStream that nobody has changed, before it is open. */
function isFresh(source: unknown): source is ReadStream {
  return (
    source instanceof ReadStream &&
    Object.getPrototypeOf(source) === ReadStream.prototype &&
    source.pending &&
    source.path !== undefined &&
    !['read', '_read', 'push', 'emit', '_construct'].some((name) => Object.hasOwn(source, name)) &&
    usesNodesFs(source)
  );
}

/** createReadStream takes functions in place of those of node:fs. */
function usesNodesFs(source: ReadStream): boolean {
  const functions = Object.getOwnPropertySymbols(source).find(({ description }) => description === 'kFs');
  const own =
    functions === undefined ? undefined : (Reflect.get(source, functions) as { fstatSync?: unknown });
  return own?.fstatSync === fstatSync;
}

/** The response is the only one that gets its bytes. */
function isPiped(source: ReadStream, response: NativeResponse): boolean {
  const { pipes } = (source as unknown as { _readableState: { pipes: unknown[] } })._readableState;
  return (
    pipes.length === 1 &&
    pipes[0] === response &&
    source.readableFlowing === true &&
    source.readableEncoding === null &&
    source.listenerCount('data') === 1 &&
    source.listenerCount('readable') === 0
  );
}

function rangeOf(
  source: ReadStream,
  fd: number,
): { readonly start: number; readonly length: number } | undefined {
  const stats = fstatSync(fd);
  if (!stats.isFile() || stats.size <= pseudoFileBytes) return undefined;
  const { start = 0, end } = source as unknown as { start?: number; end: number };
  const length = Math.min(end + 1, stats.size) - start;
  return length > 0 ? { start, length } : undefined;
}
