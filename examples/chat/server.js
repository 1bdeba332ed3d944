// chaussette examples/chat/server.js
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const page = readFileSync(new URL('index.html', import.meta.url));

const server = createServer((req, res) => {
  if (req.url === '/') res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
  else res.writeHead(404).end('Not found\n');
});

const io = new Server(server);

/** Name by socket. A Map, so that a name like __proto__ is one like any other. */
const names = new Map();

/** A short text of one line, whatever a client sends. */
function textOf(value, lengthMax) {
  return typeof value === 'string' ? value.replace(/\s+/g, ' ').trim().slice(0, lengthMax) : '';
}

io.on('connection', (socket) => {
  const people = () => io.emit('people', [...new Set(names.values())].sort());

  socket.on('join', (given) => {
    const name = textOf(given, 24) || 'anonymous';
    const isNew = !names.has(socket.id);
    names.set(socket.id, name);
    if (isNew) socket.broadcast.emit('notice', `${name} has joined`);
    people();
  });

  socket.on('message', (given) => {
    const text = textOf(given, 1000);
    if (text !== '' && names.has(socket.id)) io.emit('message', { name: names.get(socket.id), text });
  });

  socket.on('disconnect', () => {
    const name = names.get(socket.id);
    if (!names.delete(socket.id)) return;
    io.emit('notice', `${name} has left`);
    people();
  });
});

// Under chaussette this is the command's socket; `node examples/chat/server.js` takes the port.
server.listen(8080);
