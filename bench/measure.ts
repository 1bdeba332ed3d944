import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type RateSample, runRate } from './rate.js';
import type { Row } from './rows.js';
import { BenchServer } from './server.js';
import type { ServerSpec } from './specs.js';
import { type LoadSample, runWrk } from './wrk.js';

/** How long and how often. */
export interface Pace {
  readonly warmUpSeconds: number;
  readonly runSeconds: number;
  readonly rounds: number;
  readonly starts: number;
  readonly idleConnections: number;
}

/** Many short runs: on a noisy machine both servers of a round see the same noise. */
export const fullPace: Pace = {
  warmUpSeconds: 2,
  runSeconds: 2,
  rounds: 9,
  starts: 15,
  idleConnections: 5000,
};
export const quickPace: Pace = {
  warmUpSeconds: 1,
  runSeconds: 1,
  rounds: 5,
  starts: 5,
  idleConnections: 2000,
};

/** Each is a process of its own, and they differ little. */
const memoryRoundsMax = 3;

/** Of the report, so that all of its rows take some twelve minutes. */
export const reportPace: Pace = {
  warmUpSeconds: 1,
  runSeconds: 2,
  rounds: 3,
  starts: 5,
  idleConnections: 2000,
};

/** The values of one server, by round; a measure that the row does not take is absent. */
export interface ServerResult {
  readonly name: string;
  readonly load?: readonly LoadSample[];
  readonly rate?: readonly RateSample[];
  readonly startMs?: readonly number[];
  readonly bytesPerConnection?: readonly number[];
}

/** Measure every server of a row, interleaved: A B C A B C…
 *  @throws when a server does not start, or answers otherwise than the row says. */
export function measure(row: Row, pace: Pace): Promise<ServerResult[]> {
  switch (row.method) {
    case 'load':
      return measureLoad(row, pace);
    case 'rate':
      return measureRate(row, pace);
    case 'start':
      return measureStart(row, pace);
    case 'memory':
      return measureMemory(row, pace);
  }
}

/** A server under full load may let some connections wait for a second: shorter runs would not count them. */
const latencySecondsMin = 5;

function isOfLatency({ budgets }: Row): boolean {
  return budgets.some(({ measure }) => measure === 'p50' || measure === 'p99');
}

async function measureLoad(row: Row, pace: Pace): Promise<ServerResult[]> {
  const seconds = isOfLatency(row) ? Math.max(pace.runSeconds, latencySecondsMin) : pace.runSeconds;
  const samples = await interleave(row, pace, (server) => runWrk(server, row, seconds));
  return row.servers.map((spec) => ({ name: spec.name, load: samples.get(spec) ?? [] }));
}

async function measureRate(row: Row, pace: Pace): Promise<ServerResult[]> {
  const { perSecond = 1000 } = row;
  const samples = await interleave(row, pace, (server) => runRate(server, row, perSecond, pace.runSeconds));
  return row.servers.map((spec) => ({ name: spec.name, rate: samples.get(spec) ?? [] }));
}

async function interleave<T>(row: Row, pace: Pace, run: (server: BenchServer) => Promise<T>) {
  const servers: BenchServer[] = [];
  const samples = new Map<ServerSpec, T[]>();
  try {
    for (const spec of row.servers) servers.push(await BenchServer.start(spec, row));
    for (const server of servers) {
      await server.check(row);
      await runWrk(server, row, pace.warmUpSeconds);
    }
    for (let round = 0; round < pace.rounds; round += 1) {
      for (const server of servers) {
        const sample = await run(server);
        samples.set(server.spec, [...(samples.get(server.spec) ?? []), sample]);
      }
    }
  } finally {
    for (const server of servers) await server.stop();
  }
  return samples;
}

async function measureStart(row: Row, pace: Pace): Promise<ServerResult[]> {
  const times = new Map<ServerSpec, number[]>(row.servers.map((spec) => [spec, []]));
  // The first round fills the page cache and is not counted.
  for (let round = 0; round <= pace.starts; round += 1) {
    for (const [spec, list] of times) {
      const server = await BenchServer.start(spec, row);
      if (round > 0) list.push(server.firstAnswerMs);
      else await server.check(row);
      await server.stop();
    }
  }
  return [...times].map(([spec, startMs]) => ({ name: spec.name, startMs }));
}

async function measureMemory(row: Row, pace: Pace): Promise<ServerResult[]> {
  const sizes = new Map<ServerSpec, number[]>(row.servers.map((spec) => [spec, []]));
  const rounds = Math.min(pace.rounds, memoryRoundsMax);
  for (let round = 0; round < rounds; round += 1) {
    for (const [spec, list] of sizes) list.push(await idleConnectionBytes(spec, row, pace.idleConnections));
  }
  return [...sizes].map(([spec, bytesPerConnection]) => ({ name: spec.name, bytesPerConnection }));
}

/** Growth of the process by so many connections that were answered once and are kept. */
async function idleConnectionBytes(spec: ServerSpec, row: Row, count: number): Promise<number> {
  const server = await BenchServer.start(spec, row);
  const sockets: Socket[] = [];
  try {
    await server.check(row);
    await runWrk(server, row, 1);
    const before = await settledMemory(server);
    while (sockets.length < count) {
      const batch = Array.from({ length: Math.min(100, count - sockets.length) }, () => keep(server, row));
      sockets.push(...(await Promise.all(batch)));
    }
    return ((await settledMemory(server)) - before) / count;
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  }
}

/** Memory after two garbage collections; the applications collect at /gc. */
async function settledMemory(server: BenchServer): Promise<number> {
  for (let n = 0; n < 2; n += 1) {
    const { body } = await server.ask('/gc');
    if (body !== 'collected') throw new Error(`${server.spec.name}: /gc was answered with ${body}`);
  }
  return server.memory();
}

async function keep(server: BenchServer, row: Row): Promise<Socket> {
  const at = { host: '127.0.0.1', port: server.port };
  const socket = server.secure ? connectTls({ ...at, rejectUnauthorized: false }) : connect(at);
  socket.write(`GET ${row.path} HTTP/1.1\r\nHost: bench\r\n\r\n`);
  await once(socket, 'data');
  return socket;
}
