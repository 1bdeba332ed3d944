import type { EndedRequest } from '../exchange.js';

/** `HTTP/1.1`; `HTTP/2.0` as gunicorn and nginx write it. */
export function protocolOf({ httpVersion }: EndedRequest): string {
  return `HTTP/${httpVersion}`;
}

/** The name that HTTP Basic authentication gives (RFC 7617). */
export function userOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const [, credentials] = /^basic +([\w+/=-]+)$/i.exec(authorization) ?? [];
  return credentials && Buffer.from(credentials, 'base64').toString('latin1').split(':', 1)[0];
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
let shownSecond = Number.NaN;
let shown = '';

/** `[28/Nov/2026:13:20:00 +0000]`, in local time. */
export function apacheTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second === shownSecond) return shown;
  shownSecond = second;
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const day = `${two(date.getDate())}/${months[date.getMonth()]}/${date.getFullYear()}`;
  shown = `[${day}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}]`;
  return shown;
}
