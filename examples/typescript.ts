// chaussette examples.typescript:app
//
// TypeScript runs as it is, and a factory that makes the application may be async: typescript:makeApp() would do.
import type { IncomingMessage, ServerResponse } from 'node:http';

interface Greeting {
  readonly text: string;
}

export async function makeApp(): Promise<(req: IncomingMessage, res: ServerResponse) => void> {
  const greeting: Greeting = await Promise.resolve({ text: 'Hello, typed World!' });
  return (_req, res) => {
    res.end(`${greeting.text}\n`);
  };
}

export const app = await makeApp();
