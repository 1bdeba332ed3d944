// chaussette --interface wsgi --pre-hook examples.bench:setup --post-hook examples.bench:teardown examples.bench:app
//
// The Python program's bench_app: some computing, a pause, and a page from one of ten database connections, which the
// pre-hook opens and the post-hook closes.
import { setTimeout as pause } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';

const rows = ['<HTML>', '  <BODY>', '    Hello there.', '  </BODY>', '</HTML>'];
const connections = [];
/** Requests that wait for a connection. */
const waiting = [];

/** Stands for a connection: whoever writes to it gets the page, row by row. */
function connect() {
  const { port1: ours, port2: database } = new MessageChannel();
  database.on('message', () => {
    for (const row of rows) database.postMessage(`${row}\n`);
  });
  return ours;
}

export function setup() {
  while (connections.length < 10) connections.push(connect());
}

export function teardown() {
  for (const connection of connections.splice(0)) connection.close();
}

function take() {
  return connections.pop() ?? new Promise((resolve) => waiting.push(resolve));
}

function giveBack(connection) {
  const next = waiting.shift();
  if (next === undefined) connections.push(connection);
  else next(connection);
}

function query(connection, text) {
  return new Promise((resolve) => {
    const page = [];
    connection.on('message', (row) => {
      page.push(row);
      if (page.length < rows.length) return;
      connection.removeAllListeners('message');
      resolve(page);
    });
    connection.postMessage(text);
  });
}

export async function app(_environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/html']]);
  for (let product = 1; product < 10_000_000; product += 1000) Math.sqrt(product);
  await pause(75 + 25 * Math.random());
  const connection = await take();
  try {
    return await query(connection, '*'.repeat(100));
  } finally {
    giveBack(connection);
  }
}
