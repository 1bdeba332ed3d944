// What Node's own tests of node:http found.
import { once } from 'node:events';
import { connect } from 'node:net';
import { closed, compare, listening } from '../helpers/compare-servers.js';

compare("a program that emits 'close' on the socket aborts its request", async (make) => {
  const seen: unknown[] = [];
  const server = make((req, res) => {
    for (const event of ['aborted', 'error', 'close']) req.on(event, () => seen.push(['req', event]));
    res.on('close', () => seen.push(['res', 'close']));
    // Node 20 and 22 fail when it comes in the tick of the request, or with another request behind it.
    setImmediate(() => {
      seen.push(req.socket.emit('close'), req.aborted, req.destroyed, res.destroyed, req.socket.destroyed);
      res.end('late');
    });
  });
  const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
  const bytes: unknown[] = [];
  client.on('data', (chunk) => bytes.push(chunk));
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(client, 'close');
  await closed(server);
  return [...seen, ...bytes];
});

// Before Node 26 node:http throws here, where no program can catch it.
const laterRequest = Number(process.versions.node.split('.')[0]) >= 26 ? 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' : '';

compare("the request behind one that emits 'close' on the socket is not handled", async (make) => {
  let requests = 0;
  const server = make((req) => {
    requests++;
    if (laterRequest === '') req.socket.destroy();
    else req.socket.emit('close');
  });
  const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
  client.resume().write(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${laterRequest}`);
  await once(client, 'close');
  await closed(server);
  return requests;
});
