// Says which process and which thread answered, to which request, with which LISTEN_* variables and on which local port.
// `/busy?ms=N` computes that long before it answers, `/wait?ms=N` only waits.
import { threadId } from 'node:worker_threads';

export function app(req, res) {
  const url = new URL(req.url, 'http://who');
  const ms = Number(url.searchParams.get('ms') ?? 0);
  const answer = () => {
    const body = JSON.stringify({
      pid: process.pid,
      thread: threadId,
      token: url.searchParams.get('token'),
      listen: Object.keys(process.env).filter((name) => name.startsWith('LISTEN_')),
      localPort: req.socket.localPort ?? 0,
      remote: req.socket.remoteAddress,
    });
    res.setHeader('content-type', 'application/json');
    res.setHeader('content-length', Buffer.byteLength(body));
    res.end(body);
  };
  if (url.pathname === '/wait') {
    setTimeout(answer, ms);
    return;
  }
  const end = performance.now() + ms;
  while (performance.now() < end);
  answer();
}
