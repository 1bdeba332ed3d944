import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { defineValues, keepOwn } from './base.js';
import type { SocketFacts } from './socket-facts.js';

// What no document tells of the sockets of node:http, and what programs look at all the same: the listeners that the
// server has on them, and the states of the stream.

type Listener = (...args: unknown[]) => void;

/** One that is seen and does nothing: what it stands for is done by the core. */
function listener(name: string): Listener {
  const nothing = (): void => {};
  Object.defineProperty(nothing, 'name', { value: name });
  return nothing;
}

const onStreamEnd = listener('onReadableStreamEnd');
const onEnd = listener('bound socketOnEnd');
const onClose = listener('bound socketOnClose');
/** The response that hears of the end in its place among those who listen to the socket. */
export const kFront = Symbol('front');
function onServerResponseClose(this: { [kFront]?: { closed(): void } | undefined }): void {
  this[kFront]?.closed();
}
const onResponseClose = onServerResponseClose as Listener;
const single: Readonly<Record<string, Listener>> = {
  timeout: listener('socketOnTimeout'),
  data: listener('bound socketOnData'),
  error: listener('socketOnError'),
  drain: listener('bound socketOnDrain'),
  resume: listener('onSocketResume'),
  pause: listener('onSocketPause'),
};

interface Listened {
  _events: Record<string, Listener | Listener[]>;
  _eventsCount: number;
}

/** Give it the listeners that node:http's have: programs count and list them. At once, since eight calls of on() cost
 *  more than all the rest of a socket. */
export function addServerListeners(socket: EventEmitter): void {
  const listened = socket as unknown as Listened;
  listened._events = Object.assign(Object.create(null), single, {
    end: [onStreamEnd, onEnd],
    close: [onClose, onResponseClose],
  }) as Listened['_events'];
  listened._eventsCount = 8;
}

/** As when node:http gives a response its socket: it hears of the end behind those who listen so far. */
export function responseLast(socket: EventEmitter): void {
  const { close } = (socket as unknown as Listened)._events;
  if (!Array.isArray(close) || close.at(-1) === onResponseClose) return;
  const at = close.indexOf(onResponseClose);
  if (at >= 0) close.push(...close.splice(at, 1));
}

/** It becomes a socket of Node's own, which gets its own. */
export function removeServerListeners(socket: EventEmitter): void {
  const own = { ...single, end: onStreamEnd, close: onClose };
  for (const [event, each] of Object.entries(own))
    EventEmitter.prototype.removeListener.call(socket, event, each);
  EventEmitter.prototype.removeListener.call(socket, 'end', onEnd);
  EventEmitter.prototype.removeListener.call(socket, 'close', onResponseClose);
}

type State = Record<string, unknown>;
interface States {
  readonly _readableState: State;
  readonly _writableState: State;
}

const kStates = Symbol('states');

/** Those of a stream that goes nowhere, with what is true of the connection now. */
function statesOf(socket: SocketFacts & { [kStates]?: States }): States {
  const highWaterMark = socket.writableHighWaterMark;
  socket[kStates] ??= new Duplex({ highWaterMark }) as unknown as States;
  const states = socket[kStates];
  const { readable, readableEnded, writableEnded, writableFinished, destroyed, writableLength, errored } =
    socket;
  Object.assign(states._readableState, {
    flowing: true,
    reading: readable,
    ended: readableEnded,
    endEmitted: readableEnded,
    errored,
    destroyed,
    closed: destroyed,
    closeEmitted: destroyed,
  });
  Object.assign(states._writableState, {
    ending: writableEnded,
    ended: writableEnded,
    finished: writableFinished,
    errored,
    destroyed,
    closed: destroyed,
    closeEmitted: destroyed,
    length: writableLength,
  });
  return states;
}

/** @param prototype Of our sockets. */
export function defineInside(prototype: object): void {
  for (const name of ['_readableState', '_writableState'] as const) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(this: SocketFacts) {
        return statesOf(this)[name];
      },
      // When it becomes one of Node's own.
      set(this: object, value: unknown) {
        keepOwn(this, name, value);
      },
    });
  }
  // Those of Node's streams look at the states each time: 5 us for each request of Koa, whose on-finished comes and goes.
  const { removeListener, removeAllListeners } = EventEmitter.prototype;
  defineValues(prototype, { removeListener, off: removeListener, removeAllListeners });
  defineValues(prototype, {
    _hadError: false,
    _host: null,
    _parent: null,
    _paused: false,
    _pendingData: null,
    _pendingEncoding: '',
    _sockname: null,
    _closeAfterHandlingError: false,
    // As node:net's, which waits for what the client has not taken.
    _onTimeout(this: SocketFacts & EventEmitter) {
      if (this.writableLength === 0) this.emit('timeout');
    },
  });
}
