import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FileWrapper, type WsgiApplication, wsgiHandler } from '../../lib/interfaces/wsgi.js';
import { startBackend } from '../helpers/start-backend.js';

const folder = mkdtempSync(join(tmpdir(), 'chaussette-file-'));
const path = join(folder, 'file');
const content = Buffer.alloc(3_000_001, 'sent by the kernel, ');
writeFileSync(path, content);
after(() => rmSync(folder, { recursive: true }));

/** Everything that the server sends until it closes. */
function ask(port: number, target: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (part) => parts.push(part));
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.on('error', reject);
    socket.end(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  });
}

function bodyOf(response: Buffer): Buffer {
  return response.subarray(response.indexOf('\r\n\r\n') + 4);
}

for (const backend of ['native', 'http'] as const) {
  describe(`wsgi.file_wrapper on ${backend}`, () => {
    let closed = 0;
    const app: WsgiApplication = (environ, startResponse) => {
      const fd = openSync(path, 'r');
      if (environ.PATH_INFO === '/rest') readSync(fd, Buffer.alloc(1_000_000));
      const length = environ.PATH_INFO === '/rest' ? content.length - 1_000_000 : content.length;
      const wrong = environ.PATH_INFO === '/long' ? 1000 : 0;
      startResponse('200 OK', [['Content-Length', String(length + wrong)]]);
      return new FileWrapper({
        fd,
        close: () => {
          closed++;
          closeSync(fd);
        },
      });
    };

    it('sends the whole file and closes it', async () => {
      const server = await startBackend(backend, wsgiHandler(app));
      closed = 0;
      assert.ok(bodyOf(await ask(server.port, '/')).equals(content));
      assert.equal(closed, 1);
      await server.close();
    });

    it('begins where the file was read to', async () => {
      const server = await startBackend(backend, wsgiHandler(app));
      assert.ok(bodyOf(await ask(server.port, '/rest')).equals(content.subarray(1_000_000)));
      await server.close();
    });

    it('a file that is shorter than announced cuts the connection', async () => {
      const server = await startBackend(backend, wsgiHandler(app));
      const got = await ask(server.port, '/long').catch(() => Buffer.alloc(0));
      assert.ok(bodyOf(got).length <= content.length);
      await server.close();
    });
  });
}
