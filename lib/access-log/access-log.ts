import type { EndedRequest, Endpoint, RequestEnd, RequestLog } from '../exchange.js';
import { RefusedLine } from '../native/refused-line.js';
import type { Options } from '../options.js';
import { type LineFormat, lineFormat } from './format.js';
import { LineOutput } from './output.js';

type ClientOf = (request: EndedRequest) => Endpoint;

/** `--access-log`: a line for every request, when it has ended.
 *
 *  Lifetime: that of its server; each thread has its own. */
export class AccessLog implements RequestLog {
  readonly wantsFields: boolean;
  readonly wantsAddress: boolean;
  readonly #format: LineFormat;
  readonly #output: LineOutput;
  readonly #clientOf: ClientOf | undefined;
  readonly #flushes: (() => void)[] = [];
  readonly #onExit = (): void => this.#finish();

  /** @param clientOf Tells of clients behind proxies that are believed. */
  constructor(format: LineFormat, output: LineOutput, clientOf?: ClientOf) {
    this.#clientOf = clientOf;
    this.#format = format;
    this.#output = output;
    this.wantsFields = format.wantsFields;
    this.wantsAddress = format.wantsAddress;
    process.once('exit', this.#onExit);
  }

  /** @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE for a format that is none. */
  static async check({ accessLogFormat }: Options): Promise<void> {
    await lineFormat(accessLogFormat, undefined);
  }

  /** @throws {ChaussetteError} CHAUSSETTE_ERR_USAGE for a format that is none, or a file that cannot be opened. */
  static async open(
    options: Options,
    path: string,
    thread: number | undefined,
    warn: (message: string) => void,
  ): Promise<AccessLog> {
    const format = await lineFormat(options.accessLogFormat, thread);
    return new AccessLog(format, new LineOutput(path, warn), await clientsOf(options));
  }

  ended(request: EndedRequest, end: RequestEnd): void {
    const { remote } = request;
    const client = this.#clientOf?.(request) ?? remote;
    this.#format.put(this.#output.lines, client === remote ? request : withRemote(request, client), end);
    this.#output.added();
  }

  follow(flush: () => void): void {
    this.#flushes.push(flush);
  }

  reopen(): void {
    this.#output.reopen();
  }

  /** Write what is left. */
  close(): void {
    process.removeListener('exit', this.#onExit);
    this.#finish();
    this.#output.close();
  }

  #finish(): void {
    for (const flush of this.#flushes) flush();
    this.#output.flush();
  }
}

async function clientsOf({ forwardedAllow }: Options): Promise<ClientOf | undefined> {
  if (forwardedAllow.length === 0) return undefined;
  const [{ clientOf }, { parseNetworks }, { Peers }] = await Promise.all([
    import('../proxies/forwarded.js'),
    import('../proxies/networks.js'),
    import('../proxies/peers.js'),
  ]);
  const trusted = new Peers(parseNetworks(forwardedAllow, '--forwarded-allow'));
  return (request) => clientOf(request, trusted);
}

function withRemote(request: EndedRequest, remote: Endpoint): EndedRequest {
  if (request instanceof RefusedLine) return request; // It has no fields that could tell of another.
  const { method, target, httpVersion, headers, responseFields } = request;
  return { method, target, httpVersion, headers, remote, responseFields };
}
