import { AsyncResource } from 'node:async_hooks';
import { hasFrames } from './frames.js';
import { abortRequest, isAwaited, type NativeRequest } from './request.js';
import type { NativeResponse } from './response.js';
import { closed, finished, kCloseTold, kEndContext, kState } from './response-state.js';

// How a response tells of its end.

/** The response that ended after this one in the same tick. */
export const kNextEnd = Symbol('nextEnd');

/** 'finish', and 'close' behind it. */
export function emitFinish(response: NativeResponse): void {
  response.emit('prefinish');
  response.emit('finish');
  process.nextTick(emitClose, response);
}

/** 'close', once. A response that is cut keeps its state: what was not sent does not count as sent. */
export function emitClose(response: NativeResponse): void {
  if (response[kState] === closed) return;
  const told = response[kCloseTold];
  if (response[kState] === finished) {
    response[kState] = closed;
    response.destroyed = true;
  } else {
    response[kCloseTold] = true;
  }
  if (!told) response.emit('close');
}

/** After destroy(). */
export function closeCut(response: NativeResponse): void {
  if (response[kState] < finished) abortRequest(response.req as NativeRequest);
  emitClose(response);
}

// A response that nobody listened to when it ended may still get a listener in the same tick: res.end().on('finish').
let firstEnd: NativeResponse | undefined;
let lastEnd: NativeResponse | undefined;

export function justEnded(response: NativeResponse): void {
  if (hasFrames) {
    process.nextTick(tellEnd, response); // In the context of the end.
    return;
  }
  if (lastEnd === undefined) {
    firstEnd = response;
    process.nextTick(tellEnds);
  } else {
    lastEnd[kNextEnd] = response;
  }
  lastEnd = response;
}

function tellEnds(): void {
  let response = firstEnd;
  firstEnd = lastEnd = undefined;
  while (response !== undefined) {
    const next: NativeResponse | undefined = response[kNextEnd];
    response[kNextEnd] = undefined;
    tellEnd(response);
    response = next;
  }
}

function tellEnd(response: NativeResponse): void {
  const request = response.req as NativeRequest;
  if (isAwaited(request)) request._dump();
  if ((response as unknown as { _events: unknown })._events === undefined) {
    response[kState] = closed;
  } else {
    if (hasFrames)
      response[kEndContext] = new AsyncResource('HTTPSERVERRESPONSE', { requireManualDestroy: true });
    response.flushed();
  }
}
