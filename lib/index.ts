export type { PasteLoader, Settings as PasteSettings } from './app/paste-objects.js';
export type { BackendPackage } from './backend-package.js';
export type {
  Backend,
  BackendServer,
  BackendStats,
  Capability,
  Limits,
  ListeningSocket,
  Measures,
  OpenRequest,
  ThreadStats,
} from './backends/backend.js';
export {
  type BackendFactory,
  type BackendListing,
  listBackends,
  registerBackend,
} from './backends/registry.js';
export type { Config } from './config-file.js';
export { createServer } from './create-server.js';
export { ChaussetteError, type ErrorCode } from './errors.js';
export type {
  BodySink,
  EndedRequest,
  Endpoint,
  Exchange,
  Handler,
  HeaderList,
  HeaderView,
  InterfaceName,
  NodePair,
  Reporter,
  RequestEnd,
  RequestLog,
} from './exchange.js';
export type {
  Environ,
  FileLike,
  FileWrapper,
  StartResponse,
  Write,
  WsgiApplication,
  WsgiChunk,
  WsgiErrors,
  WsgiHeaders,
  WsgiInput,
  WsgiMiddleware,
  WsgiResult,
} from './interfaces/wsgi.js';
export type { Options } from './options.js';
export type { Networks } from './proxies/networks.js';
export { type ServeOptions, type Server, type ServerState, serve } from './server.js';
export type { TlsIdentity, TlsSettings } from './tls/settings.js';
