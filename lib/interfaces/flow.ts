import type { Exchange } from '../exchange.js';

/** The pace of one streamed response: when the client takes no more, and when it is gone.
 *
 *  Lifetime: from the head of the response until its end; one per exchange. */
export class Flow {
  readonly #exchange: Exchange;
  readonly #onLeave: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #left = false;

  /** @param onLeave Called when the client leaves before the end, at most once.
   *  @param onHint Called when it has shut down its side, and has probably left; it may still read. */
  constructor(exchange: Exchange, onLeave?: () => void, onHint?: () => void) {
    this.#exchange = exchange;
    this.#onLeave = onLeave;
    const told = (): void => {
      onHint?.();
      if (exchange.aborted) this.#leave();
      else exchange.onAbort(told);
    };
    exchange.onDrain(() => this.#resume());
    exchange.onAbort(told);
  }

  /** Nobody is there to read more. */
  get gone(): boolean {
    return this.#left || this.#exchange.ended;
  }

  /** Send a piece, and wait while the client takes none.
   *  @returns undefined when the next piece may follow at once. */
  write(chunk: string | Uint8Array): Promise<void> | undefined {
    if (this.#exchange.write(chunk) || this.gone) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#onLeave?.();
    this.#resume();
  }

  #resume(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
