import type { Handler, Reporter } from '../exchange.js';
import { loadAddon } from '../native/binding.js';
import type { Backend, BackendServer, Limits, ListeningSocket } from './backend.js';

/** The C++ core. Its tables are opened with the first server of a thread.
 *  @returns The backend, or one line that says why it cannot be used here. */
export function nativeBackend(): { readonly backend: Backend } | { readonly reason: string } {
  const loaded = loadAddon();
  if ('reason' in loaded) return { reason: loaded.reason };
  const problem = loaded.addon.llhttpProblem();
  if (problem !== '') {
    return {
      reason: `the llhttp ${process.versions['llhttp'] ?? ''} of this Node cannot be used: ${problem}`,
    };
  }
  return { backend: { name: 'native', capabilities, start } };
}

const capabilities = ['http/1.1', 'unix', 'inherited-fd', 'trailers'] as const;

async function start(
  sockets: readonly ListeningSocket[],
  handler: Handler,
  limits: Limits,
  reporter: Reporter,
): Promise<BackendServer> {
  const { NativeServer } = await import('../native/turn.js');
  const { createPairFactory } = await import('../native/node-pair.js');
  return new NativeServer(sockets, handler, limits, reporter, createPairFactory(handler));
}
