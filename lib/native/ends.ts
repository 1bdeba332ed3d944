import type { EndedRequest, RequestLog } from '../exchange.js';
import { remoteEnd } from './endpoints.js';
import type { NativeExchange } from './exchange.js';
import {
  addon,
  control,
  controlEnds,
  endAborted,
  endAgeMs,
  endBytes,
  endConnection,
  endDurationUs,
  endFlags,
  endGeneration,
  endIndex,
  endRefused,
  endServer,
  endStatus,
  ends,
  endText,
  endTextLength,
  endTextOffset,
  endWords,
} from './layout.js';
import { RefusedLine } from './refused-line.js';

/** Exchanges whose end is to be told, by index. */
const open: (NativeExchange | undefined)[] = [];

/** Those whose index had another request before their end was told; next to never one. */
const displaced: NativeExchange[] = [];

/** Tell `log` of it when it has ended. */
export function follow(exchange: NativeExchange, log: RequestLog): void {
  const before = open[exchange.index];
  if (before !== undefined) displaced.push(before);
  open[exchange.index] = exchange;
  exchange.keepFields();
  if (log.wantsAddress) void exchange.remote;
}

/** The same object for every end: who is told keeps nothing of it. */
const told = { status: 0, bytes: 0, durationUs: 0, endedMs: 0, aborted: false };

/** Pass on what the core has told.
 *  @param servers By tag. */
export function takeEnds(servers: readonly ({ readonly log: RequestLog | undefined } | undefined)[]): void {
  const count = control[controlEnds] as number;
  control[controlEnds] = 0;
  const now = Date.now();
  for (let w = 0; w < count * endWords; w += endWords) {
    const log = servers[ends[w + endServer] as number]?.log;
    const request = requestOf(w);
    if (log === undefined || request === undefined) continue;
    told.status = ends[w + endStatus] as number;
    told.bytes = longAt(w + endBytes);
    told.durationUs = longAt(w + endDurationUs);
    told.endedMs = now - (ends[w + endAgeMs] as number);
    told.aborted = ((ends[w + endFlags] as number) & endAborted) !== 0;
    log.ended(request, told);
  }
}

/** The same of what the core would tell later. */
export function flushEnds(servers: readonly ({ readonly log: RequestLog | undefined } | undefined)[]): void {
  do takeEnds(servers);
  while (addon.flushEnds() > 0);
}

function requestOf(w: number): EndedRequest | undefined {
  if (((ends[w + endFlags] as number) & endRefused) !== 0) {
    const offset = ends[w + endTextOffset] as number;
    const line = endText.latin1Slice(offset, offset + (ends[w + endTextLength] as number));
    return new RefusedLine(line, remoteEnd(ends[w + endConnection] as number));
  }
  const index = ends[w + endIndex] as number;
  const generation = ends[w + endGeneration] as number;
  const exchange = open[index];
  if (exchange?.generation === generation) {
    open[index] = undefined;
    return exchange;
  }
  const at = displaced.findIndex((each) => each.index === index && each.generation === generation);
  return at < 0 ? undefined : displaced.splice(at, 1)[0];
}

function longAt(w: number): number {
  return (ends[w] as number) + (ends[w + 1] as number) * 2 ** 32;
}
