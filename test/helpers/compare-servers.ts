import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { createServer } from '../../lib/create-server.js';

/** What makes a server: node:http's createServer, or ours. */
export type Make = typeof http.createServer;

/** Run a scenario on node:http and on ours, and compare what it returns.
 *  @param expected What it must return on both, for those that say it. */
export function compare<T>(name: string, scenario: (make: Make) => Promise<T>, expected?: T): void {
  test(name, async () => {
    const node = await scenario(http.createServer);
    if (expected !== undefined) assert.deepEqual(node, expected, 'node:http is not as the test says');
    assert.deepEqual(await scenario(createServer as Make), node);
  });
}

/** Listen on a free port of 127.0.0.1. @returns The port. */
export async function listening(server: http.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Close a server. @returns Resolves at 'close'. */
export async function closed(server: http.Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

/** Send bytes on one connection. @returns All that came until the server closed it; the date is left out. */
export async function exchangeBytes(port: number, ...parts: string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  socket.on('error', () => {});
  for (const part of parts) socket.write(part, 'latin1');
  await new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  socket.destroy();
  return received.replace(/^(date): .*$/gim, '$1: now');
}

/** One request on a connection of its own: `GET` with the fields given. @returns As `exchangeBytes`. */
export function get(port: number, path = '/', ...fields: string[]): Promise<string> {
  const lines = [`GET ${path} HTTP/1.1`, 'Host: a', 'Connection: close', ...fields];
  return exchangeBytes(port, `${lines.join('\r\n')}\r\n\r\n`);
}

/** Serve one listener, ask it something, and close. @returns What `ask` returned. */
export async function serving<T>(
  make: Make,
  listener: http.RequestListener,
  ask: (port: number, server: http.Server) => Promise<T>,
): Promise<T> {
  const server = make(listener);
  const port = await listening(server);
  try {
    return await ask(port, server);
  } finally {
    await closed(server);
  }
}
