// What a client gets of that which is written in the tick of a cut, and what the callbacks of the writes are told.
import { once } from 'node:events';
import type * as http from 'node:http';
import { connect } from 'node:net';
import { closed, compare, listening } from '../helpers/compare-servers.js';

type Told = (error?: Error | null) => void;

const cases: Record<string, (req: http.IncomingMessage, res: http.ServerResponse, told: Told) => void> = {
  'a write behind socket.destroy()': (req, res, told) => {
    req.socket.destroy();
    res.write('x', told);
  },
  'a write in front of socket.destroy()': (req, res, told) => {
    res.write('x', told);
    req.socket.destroy();
  },
  'the same a tick later': (req, res, told) =>
    void setImmediate(() => {
      res.write('x', told);
      req.socket.destroy();
    }),
  'a write behind socket.destroy() of a response that has begun': (req, res, told) => {
    res.write('1');
    setImmediate(() => {
      req.socket.destroy();
      res.write('x', told);
    });
  },
  'flushHeaders() in front of socket.destroy()': (req, res) => {
    res.flushHeaders();
    req.socket.destroy();
  },
  'flushHeaders() in front of destroy()': (_req, res) => {
    res.flushHeaders();
    res.destroy();
  },
  'the same of flushHeaders() a tick later': (_req, res) =>
    void setImmediate(() => {
      res.flushHeaders();
      res.destroy();
    }),
  'bytes for a socket that is destroyed': (req, _res, told) => {
    req.socket.destroy();
    req.socket.write('x', told);
  },
  'bytes for a socket that is ended': (req, _res, told) => {
    req.socket.on('error', told).end();
    req.socket.write('x', told);
  },
  'the last bytes of a socket': (req, _res, told) => void req.socket.end('x', told),
};

for (const [name, cut] of Object.entries(cases)) {
  compare(name, async (make) => {
    const told: unknown[] = [];
    const server = make((req, res) => {
      res.once('close', () => told.push('close'));
      cut(req, res, (error) => told.push((error as NodeJS.ErrnoException | null | undefined)?.code));
    });
    const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
    let received = '';
    client.on('data', (data: Buffer) => {
      received += data.toString('latin1');
    });
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(client, 'close');
    await closed(server);
    return [told, received.replace(/^(date): .*$/gim, '$1: now')];
  });
}
