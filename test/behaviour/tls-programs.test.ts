// --tls-cert with a program that listens by itself: the first listen() is served over TLS, whatever made the server.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { testedBackends } from '../helpers/backends.js';
import { TestAuthority, testAuthority } from '../helpers/certificates.js';
import { Command } from '../helpers/command.js';
import { root, temporaryDirectory } from '../helpers/processes.js';
import { shake, talk } from '../helpers/tls-client.js';

const names = ['localhost', '127.0.0.1'];
const answer = `(req, res) => {
  const { encrypted, localPort } = req.socket;
  res.end(JSON.stringify({ encrypted, sees: localPort > 0, url: req.url }));
}`;

/** Certificates of its own, which the command's replace, and what it does with them. */
const programs: Readonly<Record<string, string>> = {
  'plain.mjs': `
    import { createServer } from 'node:http';
    createServer(${answer}).listen(3000);`,
  'express.cjs': `
    const express = require('${join(root, 'node_modules/express/index.js')}');
    express().use(${answer}).listen(3000);`,
  'secure.mjs': `
    import https from 'node:https';
    https.createServer({ key: process.env.OWN_KEY, cert: process.env.OWN_CERT }, ${answer}).listen(3443);`,
  'watching.mjs': `
    import { createServer } from 'node:https';
    const server = createServer({ key: process.env.OWN_KEY, cert: process.env.OWN_CERT }, ${answer});
    server.on('secureConnection', () => {});
    server.listen(3443, '127.0.0.1');`,
  'bare.cjs': `
    const https = require('https');
    new https.Server(${answer}).listen(3443);`,
};

function start(t: TestContext, program: string, args: readonly string[]) {
  const directory = temporaryDirectory(t);
  const put = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const use = ({ cert, key }: { cert: string; key: string }): string[] => [
    '--tls-cert',
    put('cert.pem', cert),
    '--tls-key',
    put('key.pem', key),
  ];
  put(program, programs[program] ?? '');
  const own = new TestAuthority().sign(names);
  const env = { OWN_CERT: own.cert, OWN_KEY: own.key };
  const tls = use(testAuthority().sign(names));
  const all = [`./${program}`, '--bind', '127.0.0.1:0', ...tls, ...args];
  return { command: new Command(t, all, { cwd: directory, env }), use };
}

async function serve(t: TestContext, program: string, args: readonly string[]) {
  const { command, use } = start(t, program, args);
  const [place = ''] = await command.serving();
  return { command, use, port: Number(/:(\d+)/.exec(place.replace('https://', ''))?.[1]) };
}

for (const backend of testedBackends) {
  describe(`programs over TLS, backend ${backend}`, () => {
    for (const program of Object.keys(programs)) {
      test(program, async (t) => {
        const { command, port } = await serve(t, program, ['--backend', backend]);
        // The core has no such events, and no secure server without a certificate of its own.
        const isNative = backend === 'native' && !['watching.mjs', 'bare.cjs'].includes(program);
        await command.line(new RegExp(`Using ${isNative ? 'native' : 'http'} as a backend`));
        await command.line(new RegExp(`${program} asked to listen on .*3`));
        // By the authority of the command's certificate, not of the program's own.
        const socket = await shake(t, port);
        assert.match(await talk(socket), /\{"encrypted":true,"sees":true,"url":"\/hello"\}/);
        command.signal('SIGTERM');
        assert.equal(await command.end(), 0, command.stderr);
      });
    }

    for (const program of ['plain.mjs', 'secure.mjs', 'watching.mjs']) {
      test(`${program}: SIGHUP reads the certificates again`, async (t) => {
        const { command, use, port } = await serve(t, program, ['--backend', backend]);
        const serial = async (): Promise<string> => {
          const socket = await shake(t, port);
          const { serialNumber } = socket.getPeerCertificate();
          socket.destroy();
          return serialNumber;
        };
        const before = await serial();
        use(testAuthority().sign(names));
        command.signal('SIGHUP');
        await command.line(/certificates were read again/);
        assert.notEqual(await serial(), before);
      });
    }

    test('what OpenSSL refuses ends the start: status 2', async (t) => {
      const { command } = start(t, 'plain.mjs', ['--backend', backend, '--tls-ciphers', 'NO-SUCH-CIPHER']);
      assert.equal(await command.end(), 2, command.stderr);
      assert.match(command.stderr, /TLS cannot be set up/);
    });
  });
}
