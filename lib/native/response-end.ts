import { AsyncResource } from 'node:async_hooks';
import { OutgoingMessage } from 'node:http';
import { putShort } from './commands.js';
import type { NativeExchange } from './exchange.js';
import { exchanges, unansweredOn } from './exchanges.js';
import { behindNothing, behindResponses, opWatchFlush } from './layout.js';
import * as nodeErrors from './node-errors.js';
import { abortRequest, dumpUnread, isAwaited, isOpen, kExchange, type NativeRequest } from './request.js';
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
  kHeadless,
  kState,
} from './response-state.js';
import { kToldAll } from './socket-facts.js';
import { afterImmediates, beforeTicks, isInRound, roundOfTicks } from './tick.js';

// How a response tells of its end.

/** The response that ended after this one in the same tick. */
export const kNextEnd = Symbol('nextEnd');
/** The round of ticks before which it was closed without a word to anybody. */
export const kClosedUnheard = Symbol('closedUnheard');

/** Those of end(), where they are no listeners of 'finish'. */
export const kEndCallbacks = Symbol('endCallbacks');
/** 'prefinish' was emitted. */
export const kPrefinished = Symbol('prefinished');

/** From Node 24 on the callbacks of end() are told how it went, and before 'finish'; they were listeners of it. */
const queuesCallbacks = Object.getOwnPropertySymbols(new OutgoingMessage()).some(
  ({ description }) => description === 'kEndCallbacks',
);

/** What end() was given: to call when the response has ended; never, when it ends behind its connection. */
export function onEnd(response: NativeResponse, callback: Callback): void {
  if (response[kExchange].isLost) return;
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
  return exchange.ended || !waitsForOthers(exchange);
}

export function emitPrefinish(response: NativeResponse): void {
  if (response[kPrefinished]) return;
  response[kPrefinished] = true;
  response.emit('prefinish');
}

/** 'finish', and 'close' behind it. */
export function emitFinish(response: NativeResponse): void {
  // In this order, so that their events come as with node:http.
  dumpUnread(response.req as NativeRequest);
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

/** end() with a body, when the connection is lost and there is no head: nothing of either is looked at. */
export function endUnsent<T extends NativeResponse>(response: T, callback: unknown): T {
  response[kState] = ended;
  response[kHeadless] = true;
  if (typeof callback === 'function') onEnd(response, callback as Callback);
  if (prefinishesNow(response)) emitPrefinish(response);
  return response;
}

/** What waits, and what end() was given, is told that the response will not be sent. */
export function failEnd(response: NativeResponse, error: Error): void {
  dropJoined(response, error);
  if (response[kEndCallbacks] !== undefined) process.nextTick(tellEndCallbacks, response, error);
}

/** As `res.destroy()`. */
export function destroyResponse(response: NativeResponse, error: Error | undefined): void {
  response.destroyed = true;
  (response as { errored: Error | null | undefined }).errored = error;
  const { socket } = response;
  const exchange = response[kExchange];
  const endsNow = response[kState] === ended && exchange.inThisTick;
  exchange.abort();
  const behind = exchange.endBehindOthers();
  // What has ended in this tick is sent all the same, as node:http has sent it by now, if there was a socket for it.
  if (endsNow && behind === behindNothing) finishLater(response);
  else closeCutLater(response, behind === behindResponses, error);
  if (behind === behindNothing) socket?.destroy(error);
}

/** After destroy(), when all is sent. */
function finishLater(response: NativeResponse): void {
  response[kState] = finished;
  process.nextTick(emitFinish, response);
}

/** After destroy().
 *  @param isQueued Others are to be answered first: as with node:http, which destroys the connection when this would
 *    have its turn. */
function closeCutLater(response: NativeResponse, isQueued: boolean, error: Error | undefined): void {
  failEnd(response, error ?? nodeErrors.destroyed('write'));
  if (isQueued) response[kExchange].socket.once('close', () => closeCut(response));
  else afterImmediates(() => closeCut(response));
}

function closeCut(response: NativeResponse): void {
  if (response[kState] < finished) abortRequest(response.req as NativeRequest);
  emitClose(response);
  response[kExchange].knownSocket?.[kToldAll]();
}

// A response that nobody listened to when it ended may still get a listener before it is told in the next tick, as with
// node:http: res.end().on('finish').

let firstEnd: NativeResponse | undefined;
let lastEnd: NativeResponse | undefined;

export function justEnded(response: NativeResponse): void {
  if (isHeard(response) || isOpen(response.req as NativeRequest)) {
    process.nextTick(tellEnd, response); // In its place among the ticks of the handler.
    return;
  }
  if (lastEnd !== undefined) lastEnd[kNextEnd] = response;
  else {
    firstEnd = response;
    if (!beforeTicks(closeEnds)) process.nextTick(tellEnds);
  }
  lastEnd = response;
}

function takeEnds(): NativeResponse | undefined {
  const first = firstEnd;
  firstEnd = lastEnd = undefined;
  return first;
}

/** The handlers have returned: nearly always there is nobody to tell, and no tick is needed. */
function closeEnds(): void {
  let response = takeEnds();
  while (response !== undefined) {
    const next: NativeResponse | undefined = response[kNextEnd];
    response[kNextEnd] = undefined;
    const request = response.req as NativeRequest;
    if (isHeard(response) || isAwaited(request) || isOpen(request)) {
      process.nextTick(tellEnd, response);
    } else {
      response[kState] = closed;
      response[kClosedUnheard] = roundOfTicks();
    }
    response = next;
  }
}

function tellEnds(): void {
  tellFrom(takeEnds());
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

function isHeard(response: NativeResponse): boolean {
  const { _events: events } = response as unknown as { _events: unknown };
  return events !== undefined || response[kEndCallbacks] !== undefined;
}

function tellEnd(response: NativeResponse): void {
  const request = response.req as NativeRequest;
  if (response[kExchange].watchFlush) return; // The core tells.
  if (isHeard(response)) {
    response[kFlushed]();
  } else {
    if (isAwaited(request) || isOpen(request)) dumpUnread(request);
    response[kState] = closed;
  }
}

/** Somebody begins to listen to a response. When it has ended, that is the last that is seen of the context of its end,
 *  which nobody has paid for; and when it was closed in this tick, there is somebody to tell after all. */
export function listensTo(response: NativeResponse): void {
  if (response[kExchange] === undefined) return;
  const exchange = response[kExchange];
  const { [kState]: state } = response;
  if ((state !== ended && state !== closed) || response[kEndContext] !== undefined) return;
  const waits = waitsForOthers(exchange);
  if (state === closed && !waits && !isInRound(response[kClosedUnheard])) return;
  response[kState] = ended;
  response[kEndContext] = new AsyncResource('HTTPSERVERRESPONSE', { requireManualDestroy: true });
  if (waits) watchFlush(exchange);
  else process.nextTick(tellEnd, response);
}

/** Let the core tell of the flush after all. */
function watchFlush(exchange: NativeExchange): void {
  const { index, generation } = exchange;
  exchanges[index] = exchange;
  exchange.watchFlush = true;
  putShort(opWatchFlush, index, generation, 0);
}

/** Whether some that came before it on its connection are not answered yet. */
function waitsForOthers({ connection, resource }: NativeExchange): boolean {
  const number = resource.asyncId();
  return unansweredOn(connection).some((each) => each.resource.asyncId() < number);
}
