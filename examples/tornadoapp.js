// chaussette examples.tornadoapp:tornadoapp
//
// The Python program's examples/tornadoapp.py, with Fastify in Tornado's place: one greeting as an application of the
// framework, as a WSGI application and as an HTTP server. Its fourth, a TCP server, is no application for HTTP.
import { createServer } from 'node:http';
import fastify from 'fastify';

export const tornadoapp = fastify();

tornadoapp.get('/', () => 'Hello, World\n');

/** chaussette --interface wsgi examples.tornadoapp:wsgiapp */
export function wsgiapp(_environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return ['Hello, World\n'];
}

/** chaussette examples.tornadoapp:hellohttp */
export const hellohttp = createServer((_req, res) => {
  res.end('Hello, World\n');
});
