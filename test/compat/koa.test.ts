import * as application from './apps/koa.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
