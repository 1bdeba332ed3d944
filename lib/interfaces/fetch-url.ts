import type { Exchange } from '../exchange.js';

/** Targets that the URL parser would give back as they are. */
const plainTarget = /^\/[\w\-.~!$&()*+,;=:@%/?[\]]*$/;

/** The last authority that was looked at, and its origin: clients mostly ask for one host. Parsing costs 1 us. */
let lastAuthority = '';
let lastScheme = '';
let lastOrigin = '';

/** The URL of a request, as `new URL(…).href` would write it. Never throws: what has no valid authority gets the
 *  address of the server, and a target that is not in origin-form its nearest path.
 *  @see RFC 9112 §3.3 */
export function urlOf(exchange: Exchange): string {
  const { target } = exchange;
  if (target.charCodeAt(0) !== 47 /* / */) return urlOfOther(exchange, target);
  const origin = originOf(exchange.scheme, exchange.headers.get('host')) ?? serverOrigin(exchange);
  if (plainTarget.test(target) && !hasDotSegment(target)) return origin + target;
  return parse(origin + target)?.href ?? `${origin}/`;
}

/** Absolute-form: its authority counts, and Host does not (RFC 9112 §3.2.2). Else `*`, or CONNECT's authority. */
function urlOfOther(exchange: Exchange, target: string): string {
  if (/^https?:\/\//i.test(target)) {
    const url = parse(target);
    if (url !== undefined) return url.href;
  }
  const origin = originOf(exchange.scheme, exchange.headers.get('host')) ?? serverOrigin(exchange);
  return parse(`${origin}/${target === '*' ? '*' : ''}`)?.href ?? 'http://localhost/';
}

function originOf(scheme: string, authority: string | undefined): string | undefined {
  if (authority === undefined || authority === '') return undefined;
  if (authority === lastAuthority && scheme === lastScheme) return lastOrigin;
  if (/[\s/?#@\\]/.test(authority)) return undefined;
  const origin = parse(`${scheme}://${authority}/`)?.origin;
  if (origin === undefined || authority.length > 255) return origin;
  lastAuthority = authority;
  lastScheme = scheme;
  lastOrigin = origin;
  return origin;
}

function serverOrigin(exchange: Exchange): string {
  const { address, port, family } = exchange.local;
  if (family === 'unix' || address === '') return `${exchange.scheme}://localhost`;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return parse(`${exchange.scheme}://${host}:${port}/`)?.origin ?? `${exchange.scheme}://localhost`;
}

function hasDotSegment(target: string): boolean {
  return target.includes('/.') || (target.includes('%') && /%2e/i.test(target));
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
