import { AsyncResource } from 'node:async_hooks';
import { OutgoingMessage } from 'node:http';
import * as nodeErrors from './node-errors.js';
import { abortRequest, isAwaited, isOpen, kExchange, type NativeRequest } from './request.js';
import type { NativeResponse } from './response.js';
import { dropJoined } from './response-join.js';
import {
  type Callback,
  closed,
  ended,
  finished,
  kCloseTold,
  kEndContext,
  kFlushed,
  kState,
} from './response-state.js';
import { kToldAll } from './socket-facts.js';
import { afterTicks } from './tick.js';

// How a response tells of its end.

/** The response that ended after this one in the same tick. */
export const kNextEnd = Symbol('nextEnd');

/** Those of end(), where they are no listeners of 'finish'. */
export const kEndCallbacks = Symbol('endCallbacks');
/** 'prefinish' was emitted. */
export const kPrefinished = Symbol('prefinished');

/** From Node 24 on the callbacks of end() are told how it went, and before 'finish'; they were listeners of it. */
const queuesCallbacks = Object.getOwnPropertySymbols(new OutgoingMessage()).some(
  ({ description }) => description === 'kEndCallbacks',
);

/** What end() was given: to call when the response has ended. */
export function onEnd(response: NativeResponse, callback: Callback): void {
  if (!queuesCallbacks) {
    response.once('finish', callback);
    return;
  }
  response[kEndCallbacks] ??= [];
  response[kEndCallbacks].push(callback);
}

/** The response has ended before. */
export function onSecondEnd(response: NativeResponse, callback: Callback): void {
  if (response[kState] >= finished || (!queuesCallbacks && response.writableFinished))
    callback(nodeErrors.alreadyFinished());
  else if (response.destroyed) process.nextTick(callback, nodeErrors.destroyed('end'));
  else onEnd(response, callback);
}

/** @param error What kept the response from its end. */
function tellEndCallbacks(response: NativeResponse, error: Error | null): void {
  const callbacks = response[kEndCallbacks];
  if (callbacks === undefined) return;
  response[kEndCallbacks] = undefined;
  for (const callback of callbacks) callback(error);
}

/** Whether 'prefinish' is due in end(): as in Node, when no other response is in front, or nothing will be sent. */
export function prefinishesNow(response: NativeResponse): boolean {
  if (response.listenerCount('prefinish') === 0) return false;
  const exchange = response[kExchange];
  const { _httpMessage: front } = exchange.socket as { _httpMessage?: unknown };
  return exchange.ended || front === response;
}

export function emitPrefinish(response: NativeResponse): void {
  if (response[kPrefinished]) return;
  response[kPrefinished] = true;
  response.emit('prefinish');
}

/** 'finish', and 'close' behind it. */
export function emitFinish(response: NativeResponse): void {
  // In this order, so that their events come as with node:http.
  (response.req as NativeRequest)._dump();
  process.nextTick(emitClose, response);
  emitPrefinish(response);
  tellEndCallbacks(response, null);
  response.emit('finish');
}

/** 'close', once. A response that is cut keeps its state: what was not sent does not count as sent. */
export function emitClose(response: NativeResponse): void {
  if (response[kState] === closed) return;
  const told = response[kCloseTold];
  if (response[kState] === finished) {
    response[kState] = closed;
  } else {
    response[kCloseTold] = true;
  }
  if (!told) response.emit('close');
}

/** What waits, and what end() was given, is told that the response will not be sent. */
export function failEnd(response: NativeResponse, error: Error): void {
  dropJoined(response, error);
  if (response[kEndCallbacks] !== undefined) process.nextTick(tellEndCallbacks, response, error);
}

/** After destroy(). */
export function closeCut(response: NativeResponse): void {
  if (response[kState] < finished) abortRequest(response.req as NativeRequest);
  emitClose(response);
  response[kExchange].knownSocket?.[kToldAll]();
}

// A response that nobody listened to when it ended may still get a listener in the same tick: res.end().on('finish').
let firstEnd: NativeResponse | undefined;
let lastEnd: NativeResponse | undefined;

export function justEnded(response: NativeResponse): void {
  if (lastEnd === undefined) {
    firstEnd = response;
    afterTicks(tellEnds);
  } else {
    lastEnd[kNextEnd] = response;
  }
  lastEnd = response;
}

function tellEnds(): void {
  const first = firstEnd;
  firstEnd = lastEnd = undefined;
  tellFrom(first);
}

function tellFrom(first: NativeResponse | undefined): void {
  let response = first;
  try {
    while (response !== undefined) {
      const told: NativeResponse = response;
      response = told[kNextEnd];
      told[kNextEnd] = undefined;
      tellEnd(told);
    }
  } finally {
    // A listener has thrown: the others learn of their end all the same.
    if (response !== undefined) process.nextTick(tellFrom, response);
  }
}

function tellEnd(response: NativeResponse): void {
  const request = response.req as NativeRequest;
  const { _events: events } = response as unknown as { _events: unknown };
  if (events === undefined && response[kEndCallbacks] === undefined) {
    if (isAwaited(request) || isOpen(request)) request._dump();
    response[kState] = closed;
  } else {
    response[kFlushed]();
  }
}

/** Somebody begins to listen to a response. When it has ended, that is the last that is seen of the context of its end,
 *  which nobody has paid for. */
export function keepEndContext(response: NativeResponse): void {
  if (response[kExchange] === undefined || response[kState] !== ended || response[kEndContext] !== undefined)
    return;
  response[kEndContext] = new AsyncResource('HTTPSERVERRESPONSE', { requireManualDestroy: true });
}
