import { ChaussetteError } from '../errors.js';
import { type Addon, loadAddon } from './binding.js';

// The numbers of the shared tables. native/core/layout.h is their only description; here they get names that
// TypeScript knows. Without the addon this module loads as well, so that others may be imported and ask whether it is
// there; the numbers are 0 then, and nobody uses them.

const loaded = loadAddon();

/** Only to be used where `loadAddon()` has an addon. */
export const addon: Addon = 'addon' in loaded ? loaded.addon : (undefined as unknown as Addon);

function number(name: string): number {
  if ('reason' in loaded) return 0;
  const value = loaded.addon.layout[name];
  if (typeof value === 'number') return value;
  throw new ChaussetteError('CHAUSSETTE_ERR_INTERNAL', `the addon has no layout entry ${name}`, {
    hint: 'Addon and TypeScript are of different versions: run `npm run build`.',
  });
}

// Words of a record.
export const recordKind = number('RecordKind');
export const recordIndex = number('RecordIndex');
export const recordGeneration = number('RecordGeneration');
export const recordFlags = number('RecordFlags');
export const recordServer = number('RecordServer');
export const recordMethod = number('RecordMethod');
export const recordHeadOffset = number('RecordHeadOffset');
export const recordHeadLength = number('RecordHeadLength');
export const recordTargetOffset = number('RecordTargetOffset');
export const recordTargetLength = number('RecordTargetLength');
export const recordHeaderFirst = number('RecordHeaderFirst');
export const recordHeaderCount = number('RecordHeaderCount');
export const recordBodyOffset = number('RecordBodyOffset');
export const recordBodyLength = number('RecordBodyLength');
export const recordCode = number('RecordCode');
export const recordConnection = number('RecordConnection');
export const recordWords = number('RecordWords');

// Kinds of records.
export const eventRequest = number('EventRequest');
export const eventBody = number('EventBody');
export const eventAbort = number('EventAbort');
export const eventHalfClosed = number('EventHalfClosed');
export const eventDrain = number('EventDrain');
export const eventFlushed = number('EventFlushed');
export const eventIdle = number('EventIdle');
export const eventProblem = number('EventProblem');
export const eventClosed = number('EventClosed');
export const eventUnproxied = number('EventUnproxied');
export const eventConnection = number('EventConnection');
export const eventDropped = number('EventDropped');
export const eventRefused = number('EventRefused');
export const eventTimeout = number('EventTimeout');
export const eventBytes = number('EventBytes');

export const flagHttp10 = number('FlagHttp10');
export const flagHasBody = number('FlagHasBody');
/** How much of a body the core brings to somebody who does not read. */
export const bodyWindowBytes = number('BodyWindowBytes');
export const flagBodyComplete = number('FlagBodyComplete');
export const flagUpgrade = number('FlagUpgrade');
export const flagKeepAlive = number('FlagKeepAlive');
export const flagExpectContinue = number('FlagExpectContinue');
export const flagBodyInBlock = number('FlagBodyInBlock');
export const flagExpectOther = number('FlagExpectOther');
export const flagDropped = number('FlagDropped');
export const flagRefusedAgain = number('FlagRefusedAgain');
export const endBroken = number('EndBroken');
export const endByPeer = number('EndByPeer');
export const endAnswered = number('EndAnswered');

// How a server stands in for one of node:http, and what it wants to be told.
export const nodeStyle = number('NodeStyle');
export const bareUpgrades = number('BareUpgrades');
export const halfOpen = number('HalfOpen');
export const hostOptional = number('HostOptional');
export const tellConnections = number('TellConnections');
export const tellRefusals = number('TellRefusals');
export const tellDrops = number('TellDrops');
export const tellTimeouts = number('TellTimeouts');
export const keepsConnections = number('KeepsConnections');
export const dropsAll = number('DropsAll');

export const tellEnds = number('TellEnds');
export const measured = number('Measured');

export const problemContentLength = number('ProblemContentLength');
export const problemResponseHead = number('ProblemResponseHead');
export const problemAcceptPaused = number('ProblemAcceptPaused');
export const problemAcceptResumed = number('ProblemAcceptResumed');
export const problemListenerLost = number('ProblemListenerLost');
export const problemBodyGone = number('ProblemBodyGone');
export const problemDescriptorLost = number('ProblemDescriptorLost');

// Words of a header entry.
export const headerNameOffset = number('HeaderNameOffset');
export const headerNameLength = number('HeaderNameLength');
export const headerValueOffset = number('HeaderValueOffset');
export const headerValueLength = number('HeaderValueLength');
export const headerWords = number('HeaderWords');

// Words of a command.
export const commandOp = number('CommandOp');
export const commandSize = number('CommandSize');
export const commandIndex = number('CommandIndex');
export const commandGeneration = number('CommandGeneration');
export const commandA = number('CommandA');
export const commandB = number('CommandB');
export const commandC = number('CommandC');
export const commandD = number('CommandD');
export const commandHead = number('CommandHead');

export const opRespond = number('OpRespond');
export const opInfo = number('OpInfo');
export const opChunk = number('OpChunk');
export const opEnd = number('OpEnd');
export const opAbort = number('OpAbort');
export const opConsume = number('OpConsume');
export const opFile = number('OpFile');
export const opReadBody = number('OpReadBody');
export const opDiscardBody = number('OpDiscardBody');
export const opWatchEnd = number('OpWatchEnd');
export const opWatchFlush = number('OpWatchFlush');
export const opReadOn = number('OpReadOn');

export const withReference = number('WithReference');
export const streamed = number('Streamed');
export const wantDrain = number('WantDrain');
export const wantFlushed = number('WantFlushed');
export const nodeHead = number('NodeHead');
export const noDate = number('NoDate');
export const noReason = number('NoReason');
export const hasBodyFlag = number('HasBody');
export const noConnection = number('NoConnection');
export const noLength = number('NoLength');
export const noChunked = number('NoChunked');
export const closeFlag = number('Close');

// Words of the end of an exchange.
export const endServer = number('EndServer');
export const endIndex = number('EndIndex');
export const endGeneration = number('EndGeneration');
export const endConnection = number('EndConnection');
export const endStatus = number('EndStatus');
export const endFlags = number('EndFlags');
export const endBytes = number('EndBytes');
export const endDurationUs = number('EndDurationUs');
export const endAgeMs = number('EndAgeMs');
export const endTextOffset = number('EndTextOffset');
export const endTextLength = number('EndTextLength');
export const endWords = number('EndWords');
export const endAborted = number('EndAborted');
export const endRefused = number('EndRefused');
export const dispatchingInPoll = number('DispatchingInPoll');
export const behindNothing = number('BehindNothing');
export const behindResponses = number('BehindResponses');

export const controlEnds = number('ControlEnds');
export const controlAgain = number('ControlAgain');
export const controlDispatching = number('ControlDispatching');
export const controlHandled = number('ControlHandled');
export const controlCommandBytes = number('ControlCommandBytes');

/** Bodies above it are referenced instead of copied. */
export const copyBytesMax = number('CopyBytesMax');
/** Unsent bytes above which write() returns false. */
export const writeWindowBytes = number('WriteWindowBytes');

const word = 4;
const commandBytes = number('CommandBytes');

/** The longest command: half of the memory, so that a flush always makes room. */
export const commandBytesMax = commandBytes / 2;

/** The memory of this thread's core. */
export const memory = {
  arena: new ArrayBuffer(number('ArenaBytes')),
  records: new ArrayBuffer(number('RecordsMax') * recordWords * word),
  headers: new ArrayBuffer(number('HeadersMax') * headerWords * word),
  commands: new ArrayBuffer(commandBytes),
  control: new ArrayBuffer(number('ControlWords') * word),
  ends: new ArrayBuffer(number('EndsMax') * endWords * word),
  endText: new ArrayBuffer(number('EndTextBytes')),
};

/** What Buffer's own methods are made of; they cross into C++ without looking at an encoding first. */
export interface FastBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
  utf8Write(text: string, offset: number): number;
}

export const arena = Buffer.from(memory.arena) as FastBuffer;
export const records = new Uint32Array(memory.records);
export const headerTable = new Uint32Array(memory.headers);
export const commandWords = new Uint32Array(memory.commands);
export const commandBytesView = Buffer.from(memory.commands) as FastBuffer;
export const control = new Uint32Array(memory.control);
export const ends = new Uint32Array(memory.ends);
export const endText = Buffer.from(memory.endText) as FastBuffer;

/** The names of the known header fields in lower case, by number; [0] is empty. */
export const knownHeaders: readonly string[] =
  'addon' in loaded ? (loaded.addon.layout['KnownHeaders'] as string[]) : [];
