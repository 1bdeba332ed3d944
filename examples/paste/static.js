// Paste's static application: the files of a directory.
import { closeSync, openSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';

const types = { html: 'text/html; charset=utf-8', txt: 'text/plain; charset=utf-8' };

export function staticApp(_globalConf, { document_root: root }) {
  return (environ, startResponse) => {
    // A path that climbs is cut at the root by normalize, since it begins with a slash.
    const path = normalize(`/${environ.PATH_INFO}`);
    const file = join(root, path.endsWith('/') ? `${path}index.html` : path);
    const found = path.includes('\0') ? undefined : statSync(file, { throwIfNoEntry: false });
    if (!found?.isFile()) {
      startResponse('404 Not Found', [['Content-Type', types.txt]]);
      return [`There is no ${path}\n`];
    }
    const type = types[file.slice(file.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    startResponse('200 OK', [
      ['Content-Type', type],
      ['Content-Length', String(found.size)],
    ]);
    const FileWrapper = environ['wsgi.file_wrapper'];
    return new FileWrapper(new OpenFile(file));
  };
}

class OpenFile {
  constructor(path) {
    this.fd = openSync(path);
  }

  close() {
    closeSync(this.fd);
  }
}
