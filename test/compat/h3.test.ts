import * as application from './apps/h3.js';
import { compareBackends, compareServers } from './scenario.js';

compareServers(application);
compareBackends(application);
