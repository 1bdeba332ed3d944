import * as application from './apps/express4.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
