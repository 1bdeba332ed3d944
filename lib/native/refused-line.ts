import type { EndedRequest, Endpoint, HeaderView } from '../exchange.js';

const none: HeaderView = { get: () => undefined, has: () => false, raw: [] };

/** What came in place of a request, as far as it can be read. */
export class RefusedLine implements EndedRequest {
  readonly method: string;
  readonly target: string;
  readonly httpVersion: EndedRequest['httpVersion'];
  readonly headers = none;
  readonly remote: Endpoint;
  /** As it came. */
  readonly line: string;

  /** @param line The beginning of what came, up to the end of a line; Latin-1. */
  constructor(line: string, remote: Endpoint) {
    this.line = line;
    this.remote = remote;
    const [, method = '', target = '', version] = /^(\S+) (\S+) HTTP\/(\d\.\d)$/.exec(line) ?? [];
    this.method = method;
    this.target = target;
    this.httpVersion = version === '1.0' ? '1.0' : '1.1';
  }
}
