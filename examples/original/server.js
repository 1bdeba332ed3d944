// What the manager files in this directory call `server.app`.
export function app(_req, res) {
  res.end('Hello from server.app\n');
}
