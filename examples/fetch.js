// chaussette examples.fetch:app
//
// The `fetch` interface: Request in, Response out. A function of that shape needs `--interface fetch`; an object
// with a `fetch` method says so itself.
export const app = {
  async fetch(request) {
    if (request.method === 'POST') {
      const { name } = await request.json();
      return Response.json({ hello: name });
    }
    return new Response('Hello, World!\n', { headers: { 'content-type': 'text/plain; charset=utf-8' } });
  },
};
