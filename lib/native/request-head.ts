import { AsyncResource } from 'node:async_hooks';
import type { Endpoint } from '../exchange.js';
import { localEnd, remoteEnd } from './endpoints.js';
import { NativeHead, type TurnText } from './head.js';
import {
  addon,
  flagDropped,
  flagExpectContinue,
  flagExpectOther,
  flagHasBody,
  flagHttp10,
  flagKeepAlive,
  flagUpgrade,
  recordConnection,
  recordFlags,
  recordGeneration,
  recordIndex,
  recordMethod,
  records,
  recordTargetLength,
  recordTargetOffset,
} from './layout.js';
import type { NativeServer } from './turn.js';

/** What a request or response of ours has its exchange by. */
export const kExchange = Symbol('exchange');

const resourceType = 'HTTPINCOMINGMESSAGE';
export const resourceOptions = { requireManualDestroy: true };

const methodNames: string[] = [];

/** What a request says before its body, decoded when it is asked for. */
export class RequestHead {
  /** Of its own, so that async contexts of requests that share a turn never mix (0.13 us on Node 20). A member, since
   *  two more `super` calls cost half as much again. */
  readonly resource: AsyncResource;
  readonly server: NativeServer;
  readonly index: number;
  readonly generation: number;
  /** The serial number of its connection. */
  readonly connection: number;
  readonly #flags: number;
  readonly #method: number;
  readonly #targetOffset: number;
  readonly #targetLength: number;
  readonly #head: NativeHead;
  #target = '';
  #remote: Endpoint | undefined;
  #local: Endpoint | undefined;

  /** @param r Index of the first word of its record. */
  constructor(server: NativeServer, turn: TurnText, r: number) {
    this.resource = new AsyncResource(resourceType, resourceOptions);
    this.server = server;
    this.index = records[r + recordIndex] as number;
    this.generation = records[r + recordGeneration] as number;
    this.connection = records[r + recordConnection] as number;
    this.#flags = records[r + recordFlags] as number;
    this.#method = records[r + recordMethod] as number;
    this.#targetOffset = records[r + recordTargetOffset] as number;
    this.#targetLength = records[r + recordTargetLength] as number;
    this.#head = new NativeHead(turn, r);
  }

  get method(): string {
    methodNames[this.#method] ??= this.#head.part(0, this.#targetOffset - 1);
    return methodNames[this.#method] as string;
  }

  get target(): string {
    if (this.#target === '') {
      this.#target = this.#head.part(this.#targetOffset, this.#targetLength);
    }
    return this.#target;
  }

  get httpVersion(): '1.0' | '1.1' {
    return (this.#flags & flagHttp10) !== 0 ? '1.0' : '1.1';
  }

  /** The client lets the connection go on. */
  get keepAlive(): boolean {
    return (this.#flags & flagKeepAlive) !== 0;
  }

  get scheme(): 'http' | 'https' {
    return this.server.secure ? 'https' : 'http';
  }

  get headers(): NativeHead {
    return this.#head;
  }

  /** The log of requests will ask for fields. */
  keepFields(): void {
    this.#head.keep();
  }

  get remote(): Endpoint {
    this.#remote ??= remoteEnd(this.connection);
    return this.#remote;
  }

  get local(): Endpoint {
    this.#local ??= localEnd(this.connection);
    return this.#local;
  }

  get hasBody(): boolean {
    return (this.#flags & flagHasBody) !== 0;
  }

  /** The client asks for another protocol. */
  get upgrade(): boolean {
    return (this.#flags & flagUpgrade) !== 0;
  }

  /** What the client expects is nothing that we know. */
  get expectsOther(): boolean {
    return (this.#flags & flagExpectOther) !== 0;
  }

  /** It is one more than its connection may have. */
  get dropped(): boolean {
    return (this.#flags & flagDropped) !== 0;
  }

  /** Bytes of its response that are not sent yet, and of those in front of it. */
  get unsentBytes(): number {
    const own = addon.unsentBytes(this.index, this.generation);
    return own ?? addon.measureConnection(this.connection)?.[3] ?? 0;
  }

  /** The client waits for `100 Continue` before it sends the body. */
  get expectsContinue(): boolean {
    return (this.#flags & flagExpectContinue) !== 0;
  }
}
