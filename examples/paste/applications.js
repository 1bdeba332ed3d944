// The applications of the .ini files beside: what PasteDeploy calls app factories.
//
// A factory gets the global configuration ([DEFAULT], here, __file__) and the other keys of its section, all of them
// text, and returns an application.

function page(text) {
  return (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
    return [text];
  };
}

export function blog(globalConf, { blogname = 'A blog', database, owner = 'nobody' }) {
  return page(`${blogname} in ${database} by ${owner}, admin is ${globalConf.admin_email ?? 'unknown'}\n`);
}

export function wiki(_globalConf, { database }) {
  return (environ, startResponse) => {
    const answer = page(`Page ${environ.PATH_INFO} of the wiki at ${environ.SCRIPT_NAME}, in ${database}\n`);
    return answer(environ, startResponse);
  };
}

export function cms() {
  return (environ, startResponse) => {
    const seen = environ['filters.seen'] ?? [];
    const answer = page(`SCRIPT_NAME is ${environ.SCRIPT_NAME}, filters are [${seen.join(' ')}]\n`);
    return answer(environ, startResponse);
  };
}
