import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange, Handler } from '../exchange.js';

/** What a `node` application is. */
export type NodeFunction = (req: IncomingMessage, res: ServerResponse) => unknown;

/** The objects that an application gives its requests and responses as prototypes. */
export type NodePrototypes = NonNullable<Handler['nodePrototypes']>;

/** A handler for `(req, res)`. */
export function nodeHandler(application: NodeFunction, prototypes?: NodePrototypes): Handler {
  return new NodeHandler(application, prototypes);
}

class NodeHandler implements Handler {
  readonly interface = 'node';
  readonly nodePrototypes?: NodePrototypes;
  readonly #application: NodeFunction;

  constructor(application: NodeFunction, prototypes: NodePrototypes | undefined) {
    this.#application = application;
    if (prototypes !== undefined) this.nodePrototypes = prototypes;
  }

  handle(exchange: Exchange): void {
    const pair = exchange.node();
    try {
      const result = this.#application(pair.req, pair.res);
      if (typeof result === 'object' && result !== null && 'then' in result) failLater(exchange, result);
    } catch (error) {
      exchange.fail(error);
    }
  }
}

/** A rejected promise is an application error like a thrown one. */
async function failLater(exchange: Exchange, result: object): Promise<void> {
  try {
    await result;
  } catch (error) {
    exchange.fail(error);
  }
}
