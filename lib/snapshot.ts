import type { BackendStats, OpenRequest } from './backends/backend.js';

/** Longest list of requests in the log. */
const requestsShownMax = 50;

/** What SIGUSR2 writes to the log.
 *  @param open What is in flight. @returns Lines for people, the oldest request first. */
export function snapshotLines(state: string, stats: BackendStats, open: readonly OpenRequest[]): string[] {
  const { connections, inFlight, requests } = stats;
  const memoryMiB = Math.round(process.memoryUsage.rss() / 2 ** 20);
  const lines = [
    `Snapshot: ${state}, ${connections} connections, ${inFlight} requests in flight, ${requests} since the start, ` +
      `${memoryMiB} MiB, up ${Math.round(process.uptime())} s`,
  ];
  const oldest = [...open].sort((a, b) => b.ageMs - a.ageMs);
  for (const { method, target, ageMs } of oldest.slice(0, requestsShownMax)) {
    lines.push(`In flight for ${(ageMs / 1000).toFixed(1)} s: ${printable(method)} ${printable(target)}`);
  }
  const more = oldest.length - requestsShownMax;
  return more > 0 ? [...lines, `… and ${more} younger ones`] : lines;
}

/** What a client sent, without anything that a terminal or a log reader would act on. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (letter) => `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
