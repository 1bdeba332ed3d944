export type {
  Backend,
  BackendServer,
  BackendStats,
  Capability,
  Limits,
  ListeningSocket,
} from './backends/backend.js';
export {
  type BackendListing,
  type BackendSource,
  listBackends,
  registerBackend,
} from './backends/registry.js';
export { createServer } from './create-server.js';
export { ChaussetteError, type ErrorCode } from './errors.js';
export type {
  BodySink,
  Endpoint,
  Exchange,
  Handler,
  HeaderList,
  HeaderView,
  InterfaceName,
  NodePair,
  Reporter,
} from './exchange.js';
export type { Options } from './options.js';
export { type ServeOptions, type Server, type ServerState, serve } from './server.js';
