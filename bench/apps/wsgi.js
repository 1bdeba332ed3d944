export function app(_environ, startResponse) {
  startResponse('200 OK', [
    ['Content-Type', 'text/plain'],
    ['Content-Length', '13'],
  ]);
  return ['Hello, World!'];
}
