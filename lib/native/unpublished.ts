import { channel } from 'node:diagnostics_channel';

const created = channel('http.server.response.created');

/** Make a response of Node's that answers nobody: newer Nodes publish each that is made. */
export function unpublished<T>(make: () => T): T {
  const isPublished = created.hasSubscribers;
  if (isPublished) Object.defineProperty(created, 'hasSubscribers', { value: false, configurable: true });
  try {
    return make();
  } finally {
    if (isPublished) Reflect.deleteProperty(created, 'hasSubscribers');
  }
}
