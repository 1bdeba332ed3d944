// Filters, and a composite factory, of PasteDeploy's documentation.

function named(name) {
  return (app) => (environ, startResponse) => {
    environ['filters.seen'] = [...(environ['filters.seen'] ?? []), name];
    return app(environ, startResponse);
  };
}

export function printDebug() {
  return named('printdebug');
}

export function session(_globalConf, { store }) {
  return named(`session(${store})`);
}

/** A composite factory: it gets a loader as well, to make the objects that it is made of. */
export async function pipelineFactory(loader, _globalConf, { pipeline }) {
  const names = pipeline.split(/\s+/);
  let app = await loader.getApp(names.pop());
  for (const name of names.reverse()) app = await (await loader.getFilter(name))(app);
  return app;
}

/** A filter-app factory: it gets the application first. */
export function remoteUsers(app, _globalConf, { req_usernames: names }) {
  const allowed = names.split(/\s+/);
  return (environ, startResponse) => {
    if (allowed.includes(environ.REMOTE_USER)) return app(environ, startResponse);
    startResponse('403 Forbidden', [['Content-Type', 'text/html']]);
    return ['You are forbidden to view this resource\n'];
  };
}
