// A backend of somebody else's, found by `chaussette --backend plain` where this package is installed. It parses with
// node:http and keeps few of the limits: what there is to implement is in the types Backend and Exchange.
import { createServer } from 'node:http';

/** @type {import('chaussette-server').BackendPackage} */
export default {
  capabilities: ['http/1.1', 'inherited-fd'],

  async start(sockets, handler, limits, reporter) {
    const open = new Set();
    let requests = 0;
    const servers = sockets.map((socket) => {
      const server = createServer({ maxHeaderSize: limits.headBytesMax }, (req, res) => {
        const exchange = new PlainExchange(req, res, reporter);
        requests += 1;
        open.add(exchange);
        res.on('close', () => open.delete(exchange));
        handler.handle(exchange);
      });
      server.keepAliveTimeout = limits.keepAliveMs;
      // The backlog stays as it is; without the addon the socket is still to be opened.
      return server.listen(socket.listen ?? { fd: socket.fd }, 65_535);
    });
    await Promise.all(servers.map((server) => new Promise((done) => server.once('listening', done))));

    return {
      async close(drainMs) {
        let cut = 0;
        const closed = servers.map((server) => new Promise((done) => server.close(done)));
        const cutAll = () => {
          cut = open.size;
          for (const server of servers) server.closeAllConnections();
        };
        const timer = setTimeout(cutAll, drainMs);
        await Promise.all(closed);
        clearTimeout(timer);
        return { cut };
      },
      stats: () => ({ connections: open.size, inFlight: open.size, requests }),
      exchangeOf: () => undefined,
    };
  },
};

/** @implements {import('chaussette-server').Exchange} */
class PlainExchange {
  httpVersion = '1.1';
  scheme = 'http';
  aborted = false;
  #reporter;

  constructor(req, res, reporter) {
    this.req = req;
    this.res = res;
    this.#reporter = reporter;
    this.method = req.method;
    this.target = req.url;
    this.hasBody = 'transfer-encoding' in req.headers || Number(req.headers['content-length'] ?? 0) > 0;
    this.headers = {
      raw: req.rawHeaders,
      get: (name) => req.headersDistinct[name]?.join(name === 'cookie' ? '; ' : ', '),
      has: (name) => name in req.headers,
    };
    const { remoteAddress, remotePort, localAddress, localPort, remoteFamily } = req.socket;
    this.remote = { address: remoteAddress ?? '', port: remotePort ?? 0, family: remoteFamily ?? 'unix' };
    this.local = { address: localAddress ?? '', port: localPort ?? 0, family: remoteFamily ?? 'unix' };
  }

  get headSent() {
    return this.res.headersSent;
  }

  get ended() {
    return this.res.writableEnded || this.res.destroyed;
  }

  readBody(sink) {
    this.req.on('data', (chunk) => sink.data(chunk) || this.req.pause());
    this.req.on('end', () => sink.end(this.req.rawTrailers));
    this.req.on('error', (error) => sink.error(error));
  }

  resumeBody() {
    this.req.resume();
  }

  discardBody() {
    this.req.removeAllListeners('data').resume();
  }

  respond(status, statusText, headers, body) {
    this.respondHead(status, statusText, headers);
    this.res.end(body ?? undefined);
  }

  respondHead(status, statusText, headers) {
    if (!this.ended) this.res.writeHead(status, statusText || undefined, [...headers]);
  }

  respondInfo() {}

  write(chunk) {
    return this.ended || this.res.write(chunk);
  }

  end() {
    this.res.end();
  }

  abort() {
    this.res.destroy();
  }

  fail(error) {
    this.#reporter.applicationError(error, this);
    if (this.headSent) this.abort();
    else this.respond(500, '', [], 'Internal Server Error\n');
  }

  takeOver() {
    return undefined;
  }

  onDrain(callback) {
    this.res.removeAllListeners('drain');
    if (callback !== undefined) this.res.on('drain', callback);
  }

  onAbort(callback) {
    this.res.on('close', () => {
      this.aborted = !this.res.writableFinished;
      if (this.aborted) callback?.();
    });
  }

  node() {
    return this;
  }
}
