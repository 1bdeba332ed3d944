import * as application from './apps/hapi.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
