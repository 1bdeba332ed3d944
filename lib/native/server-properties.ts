import { keepOwn } from './base.js';
import { hasTimeoutBuffer, hasUpgradeCallback, type ServerSettings } from './server-options.js';
import type { ServerState } from './server-state.js';

// What node:http keeps as properties of a server, and looks at again for each connection or request: a program may
// change them while it serves.

/** In the order of Node's constructors. */
const names = [
  'maxHeaderSize',
  'requestTimeout',
  'headersTimeout',
  'keepAliveTimeout',
  ...(hasTimeoutBuffer ? (['keepAliveTimeoutBuffer'] as const) : []),
  'requireHostHeader',
  'joinDuplicateHeaders',
  'rejectNonStandardBodyWrites',
  ...(hasUpgradeCallback ? (['shouldUpgradeCallback'] as const) : []),
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelay',
  'highWaterMark',
  'timeout',
  'maxHeadersCount',
  'maxRequestsPerSocket',
  'maxConnections',
] as const satisfies readonly (keyof ServerSettings)[];

/** Define them on the prototype of servers. @param stateOf undefined when node:http serves. */
export function defineProperties(
  prototype: object,
  stateOf: (server: object) => ServerState | undefined,
): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: true,
      get(this: object): unknown {
        return stateOf(this)?.settings[name];
      },
      set(this: object, value: unknown) {
        const state = stateOf(this);
        if (state === undefined) {
          keepOwn(this, name, value);
          return;
        }
        Object.assign(state.settings, { [name]: value });
        state.update();
      },
    });
  }
}

/** Give a server of node:http what the program has set. */
export function passOn(settings: ServerSettings, server: object): void {
  for (const name of names) {
    if (settings[name] !== undefined) Object.assign(server, { [name]: settings[name] });
  }
}
