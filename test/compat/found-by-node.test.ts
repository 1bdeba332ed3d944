// What Node's own tests of node:http found.
import { once } from 'node:events';
import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';
import { closed, compare, exchangeBytes, get, listening } from '../helpers/compare-servers.js';

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
const laterRequest =
  Number(process.versions.node.split('.')[0]) >= 26 ? 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' : '';

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

compare("a listener of 'data' on a socket comes behind the request's own", async (make) => {
  const seen: unknown[] = [];
  const server = make((req, res) => {
    req.pause().on('resume', () => req.on('data', (chunk) => seen.push(String(chunk))));
    req.on('end', () => seen.push('end'));
    req.socket.once('data', (chunk) => {
      seen.push([String(chunk), req.readableLength]);
      res.end(); // resumes the request
    });
    res.flushHeaders();
  });
  const client = connect(await listening(server), '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n');
  client.once('data', () => client.write('body'));
  await once(
    client.on('data', () => {}),
    'close',
  );
  await closed(server);
  return seen;
});

compare("a 'clientError' that leaves the connection open is told of all that comes", async (make) => {
  const seen: unknown[] = [];
  const server = make();
  server.on(
    'clientError',
    (error: Error & { code?: string; reason?: string; rawPacket?: Buffer }, socket) => {
      seen.push([error.code, error.reason, error.message, String(error.rawPacket), socket.writable]);
      if (seen.length === 3) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      else client.write(`*${seen.length}`);
    },
  );
  const client = connect(await listening(server), '127.0.0.1');
  client.write('* / HTTP/1.1\r\n\r\n');
  const [bytes] = await once(client, 'data');
  client.destroy();
  await closed(server);
  return [...seen, String(bytes)];
});

for (const [name, second] of [
  ['that begins with no method', 'hello world'],
  ['with a field that is none', 'GET / HTTP/1.1\r\nHost: a\r\na b: c\r\n\r\n'],
]) {
  compare(`a request ${name} ends what is open on its connection`, async (make) => {
    const seen: unknown[] = [];
    const server = make((req, res) => {
      for (const event of ['aborted', 'error', 'close']) req.on(event, () => seen.push(['req', event]));
      res.on('close', () => seen.push(['res', 'close']));
      client.write(`\r\n${second}`);
    });
    const client = connect(await listening(server), '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [bytes] = await once(client, 'data');
    await closed(server);
    return [...seen, String(bytes)];
  });
}

for (const event of ['timeout', 'end']) {
  for (const heard of [[], ['req'], ['res'], ['server'], ['socket']]) {
    compare(`a program emits '${event}' on the socket, heard by ${heard[0] ?? 'nobody'}`, async (make) => {
      const seen: unknown[] = [];
      const server = make((req, res) => {
        const emitters = { req, res, server, socket: req.socket };
        for (const name of heard) emitters[name as 'req'].on(event, () => seen.push(name));
        if (event === 'timeout') res.on('close', () => seen.push('closed'));
        req.resume();
        setImmediate(() => {
          seen.push(req.socket.emit(event), req.socket.destroyed, req.socket.writable);
          setImmediate(() => res.end('late'));
        });
      });
      const client = connect(await listening(server), '127.0.0.1').on('error', () => {});
      const bytes: unknown[] = [];
      client.on('data', (chunk) => bytes.push(String(chunk).replace(/Date: .*\r\n/, '')));
      client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await once(client, 'close');
      await closed(server);
      return [...seen, ...bytes];
    });
  }
}

compare('a response that gives its socket away, and another that takes it', async (make) => {
  const seen: unknown[] = [];
  const server = make((req, res) => {
    const { socket } = req;
    res.detachSocket(socket);
    seen.push(res.socket, res.connection, (socket as { _httpMessage?: unknown })._httpMessage);
    res.end('never');
    const other = new ServerResponse(req);
    other.assignSocket(socket);
    other.sendDate = false;
    other.end('other', () => socket.end());
  });
  const client = connect(await listening(server), '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const [bytes] = await once(client, 'data');
  await once(client, 'close');
  await closed(server);
  return [...seen, String(bytes)];
});

compare('a connection that a program ends is there until its client has ended it, too', async (make) => {
  const seen: unknown[] = [];
  const server = make((req, res) => {
    res.end('x', () => req.socket.end());
    server.close();
  });
  server.on('close', () => seen.push('server close'));
  const client = connect({ port: await listening(server), host: '127.0.0.1', allowHalfOpen: true });
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  client.resume().on('end', () => {
    seen.push('client end');
    client.end();
  });
  await Promise.all([once(server, 'close'), once(client, 'close')]);
  return seen;
});

for (const [name, line, body] of [
  ['whose body came with it', 'POST /', 'ab'],
  ['without a body', 'GET /', ''],
] as const) {
  for (const says of [false, true]) {
    compare(
      `a request that waits for 100, ${name}, is answered ${says ? 'behind' : 'without'} it`,
      (make) => {
        const head = `${line} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`;
        const server = make();
        server.on('checkContinue', (req, res) => {
          if (says) res.writeContinue();
          req.resume();
          setImmediate(() => res.end('x'));
        });
        return asked(server, `${head}${body}`, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      },
    );
  }
}

async function asked(server: Server, ...parts: string[]): Promise<string> {
  server.on('request', (req, res) => res.end(req.method));
  const bytes = await exchangeBytes(await listening(server), ...parts);
  await closed(server);
  return bytes;
}

compare('a head that is late is told once, and answered when it comes to its end', async (make) => {
  const seen: unknown[] = [];
  const server = make(
    { headersTimeout: 100, requestTimeout: 300, connectionsCheckingInterval: 30 },
    (_req, res) => res.end('late'),
  );
  server.on('clientError', (error: Error & { code?: string }) => seen.push(error.code));
  const client = connect(await listening(server), '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n');
  await once(server, 'clientError');
  await later(700);
  client.write('Connection: close\r\n\r\n');
  let bytes = '';
  for await (const chunk of client.setEncoding('latin1')) bytes += chunk;
  await closed(server);
  return [seen, bytes.replace(/^Date: .*$/m, '')];
});

for (const [name, cut] of [
  ['the request', (req: IncomingMessage) => void req.destroy()],
  ['the socket', (req: IncomingMessage) => void req.socket.destroy()],
] as const) {
  for (const body of [undefined, 'x']) {
    compare(`end(${body ?? ''}) behind destroy() of ${name} is not told`, async (make) => {
      const seen: string[] = [];
      const server = make((req, res) => {
        res.on('finish', () => seen.push('finish'));
        cut(req);
        res.end(body, () => seen.push('callback'));
        seen.push(`${res.headersSent} ${res.writableEnded}`);
        req.on('close', () => setTimeout(() => server.emit('told'), 30));
      });
      const told = once(server, 'told');
      await get(await listening(server));
      await told;
      await closed(server);
      return seen;
    });
  }
}

compare('_onTimeout() of a socket waits for what the client has not taken', async (make) => {
  const seen: string[] = [];
  const server = make((_req, res) => {
    const socket = res.socket as unknown as { _onTimeout(): void };
    res.end(Buffer.alloc(8_000_000));
    setImmediate(() => {
      seen.push('unsent');
      socket._onTimeout();
      client.resume();
    });
  });
  server.on('timeout', () => seen.push('timeout'));
  const client = connect(await listening(server), '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await once(client, 'close');
  await closed(server);
  return seen;
});

compare("a listener of 'timeout' on a socket hears that the next request does not come", async (make) => {
  const seen: string[] = [];
  const server = make({ keepAliveTimeout: 100 }, (req, res) => {
    req.socket.on('timeout', () => seen.push('timeout')).on('close', () => seen.push('close'));
    res.end('x');
  });
  const client = connect(await listening(server), '127.0.0.1');
  client.resume().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(client, 'close');
  await closed(server);
  return seen;
});
