import { patchHttp, patchHttps } from './patch-http.js';

// The preload: `node --import chaussette-server/register app.js`, or --require, or in NODE_OPTIONS. The build makes one
// CommonJS file of it, which is synchronous from end to end.

if (patchHttp()) patchHttps();
